"""A small world for the tests of the probe: tokenizer, decoder with sharp weights, questions, slow scorer."""

import functools
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxmlda.model import Decoder, ModelConfig
from jaxmlda.questions import Question
from jaxmlda.rows import vocabulary as vocabularies

WORDS_EN = [
    "zinc",
    "iron",
    "copper",
    "taste",
    "blood",
    "renal",
    "hepatic",
    "cells",
    "protein",
    "receptor",
    "binding",
    "therapy",
    "acute",
    "chronic",
]
WORDS_JA = [
    "亜鉛",
    "鉄",
    "銅",
    "味覚",
    "血液",
    "腎臓",
    "肝臓",
    "細胞",
    "蛋白質",
    "受容体",
    "結合",
    "治療",
    "急性",
    "慢性",
]
SENTENCES = [
    *(f"The {a} of {b} is needed for {a} {b}." for a in WORDS_EN for b in WORDS_EN),
    *(f"{a}は{b}の{a}に必要である。" for a in WORDS_JA for b in WORDS_JA),
]


@functools.cache
def vocabulary():
    path = Path(tempfile.mkdtemp()) / "tiny.model"
    vocabularies.train([*SENTENCES, "Question: Answer:\n質問：\n答え："] * 2, 360, path)
    return vocabularies.load(path)


@functools.cache
def decoder(max_positions=512):
    return Decoder(
        ModelConfig(
            vocab_size=vocabulary().size,
            hidden_size=32,
            mlp_size=48,
            layers=2,
            heads=4,
            kv_heads=2,
            head_size=8,
            max_positions=max_positions,
        )
    )


@functools.cache
def params(seed=0):
    """Weights scaled up, so that scores lie far apart and what a token attends to matters."""
    fresh = decoder().init(jax.random.key(seed))
    return jax.tree.map(lambda leaf: leaf * 8 if leaf.ndim > 1 and leaf.shape[-1] > 1 else leaf, fresh)


@jax.jit
def _all_logits(weights, tokens, segments):
    positions = jnp.arange(tokens.shape[1])[None]
    return decoder().logits(weights, decoder().hidden(weights, tokens, positions, segments))[0]


def naive_logp(ids, places):
    """Log-probability of each place, from a forward pass over this one sequence and a numpy log-softmax."""
    room = -len(ids) % 64
    tokens = np.array([[*ids, *[0] * room]], np.int32)
    segments = np.array([[1] * len(ids) + [0] * room], np.int32)
    logits = np.asarray(_all_logits(params(), tokens, segments), np.float32)
    shifted = logits - logits.max(-1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return np.array([logp[i - 1, ids[i]] for i in places])


def question(number, text, options, answers=(0,), *, name="en_knowledge_generalization", **metadata):
    return Question(
        f"doc{number}_sentid:0",
        text,
        list(options),
        tuple(answers),
        {"docid": f"doc{number}", **metadata},
        name,
    )


@functools.cache
def sets():
    """Both forms and languages: 2 to 5 options, one-token options, shared first tokens, an opening blank."""
    en, ja = WORDS_EN, WORDS_JA
    gen_en = [question(i, f"What is needed for {en[i]}?", en[i : i + 2 + i % 4], (i % 2,)) for i in range(9)]
    gen_en.append(question(90, "Which acid?", ["zinc", "zinc receptor", "zinc receptor binding", "iron"], (1, 2)))
    gen_ja = [
        question(i, f"{ja[i]}に必要なのは？", ja[i : i + 4], (i % 4,), name="ja_knowledge_generalization")
        for i in range(9)
    ]
    mem_en = [
        question(i, f"The [BLANK] of {en[i]} is needed.", en[i : i + 4], name="en_knowledge_memorization")
        for i in range(9)
    ]
    mem_en.append(
        question(91, "[BLANK] is needed for taste.", ["Zinc", "Iron oxide"], name="en_knowledge_memorization")
    )
    mem_ja = [
        question(i, f"[BLANK]は{ja[i]}に必要。", ja[i + 1 : i + 4], name="ja_knowledge_memorization") for i in range(5)
    ]
    return {of[0].set: of for of in (gen_en, gen_ja, mem_en, mem_ja)}
