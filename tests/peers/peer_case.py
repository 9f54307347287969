"""Tiny Llamas of transformers with sharp weights, a tokenizer of tokenizers, and the way from one to the other."""

import functools
import json
from typing import NamedTuple

import jax
import numpy as np
import tokenizers
import torch
import yaml
from families_case import SMALL
from jax.sharding import SingleDeviceSharding
from tokenizers import decoders, models, normalizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from jaxmlda.model import Decoder, huggingface
from jaxmlda.probe.evaluate import Evaluator
from jaxmlda.rows import vocabulary as vocabularies

VARIANTS = {
    "multi-head": {"num_key_value_heads": 4},
    "grouped": {"num_key_value_heads": 2},
    "tied": {"tie_word_embeddings": True},
    "wide heads and a far rotary base": {
        "head_dim": 16,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500_000.0},
    },
}
WORDS = {
    "en": ["zinc", "iron", "copper", "taste", "blood", "renal", "hepatic", "cells", "protein", "receptor", "binding"],
    "ja": ["亜鉛", "鉄", "銅", "味覚", "血液", "腎臓", "肝臓", "細胞", "蛋白質", "受容体", "結合"],
}


def llama(seed=0, **changes):
    """A random model in float32 whose logits lie far apart, and norms are not 1."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(LlamaConfig(**SMALL | changes)).float().eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(1 + 0.3 * torch.randn_like(weight) if "norm" in name else 0.2 * torch.randn_like(weight))
    return model


def ours(folder, model=None, **settings):
    """The decoder and parameters that we read from a folder, after transformers wrote the model there."""
    if model is not None:
        model.save_pretrained(folder)
    decoder = Decoder(huggingface.read_config(folder), **settings)
    return decoder, huggingface.read_params(folder, decoder.config, placed(decoder.abstract()))


def placed(abstract):
    one = SingleDeviceSharding(jax.devices()[0])
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=one), abstract)


def their_logits(model, ids):
    """Logits of one document."""
    with torch.no_grad():
        return model(torch.tensor([list(ids)])).logits[0].numpy()


def packed(documents, length):
    """One row of documents: tokens, positions, segments, padded to a length."""
    sizes = [len(ids) for ids in documents]
    columns = (
        np.concatenate(documents),
        np.concatenate([np.arange(size) for size in sizes]),
        np.repeat(np.arange(1, len(sizes) + 1), sizes),
    )
    return [np.pad(column, (0, length - sum(sizes))).astype(np.int32)[None] for column in columns]


def same_logits(found, expected):
    """At most 1e-4 of the largest |logit| apart; the same argmax wherever the best two differ by more than that."""
    allowed = 1e-4 * np.abs(expected).max()
    assert np.abs(found - expected).max() <= allowed
    best = np.sort(expected, axis=-1)
    clear = best[..., -1] - best[..., -2] > allowed
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(found.argmax(-1)[clear], expected.argmax(-1)[clear])


def pieces_of_text():
    """Words that a tokenizer learns its merges from; Japanese is given in words too, so that none runs into another."""
    english = ["The", "of", "is", "needed", "for", "taste", "Which", "binds", "Answer:", "What", "does", *WORDS["en"]]
    japanese = ["は", "の", "に", "必要である", "結合するのは", "質問", "答え", *WORDS["ja"]]
    return [f"▁{word}" for word in english] * 30 + [*japanese, *(f"▁{word}" for word in japanese)] * 30


@functools.cache
def tokenizer(bos=True):
    """As the Llama family has it: BPE over text with ▁ for spaces and one at its start, bytes for the rest, a BOS."""
    special = ["<unk>", "<s>", "</s>"]
    learner = tokenizers.Tokenizer(models.BPE())
    pieces = [*special, *(f"<0x{byte:02X}>" for byte in range(256))]
    # Merges are learnt within words and applied to whole texts, as SentencePiece does.
    learner.train_from_iterator(
        pieces_of_text(), trainers.BpeTrainer(vocab_size=600, special_tokens=pieces, show_progress=False)
    )
    learnt = json.loads(learner.to_str())["model"]
    merges = [tuple(pair) for pair in learnt["merges"]]
    made = tokenizers.Tokenizer(models.BPE(learnt["vocab"], merges, byte_fallback=True, unk_token="<unk>"))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_special_tokens(special)
    if not bos:
        return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>", unk_token="<unk>")
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", made.token_to_id("<s>"))]
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


class Peers(NamedTuple):
    """One model and one tokenizer, theirs and ours."""

    model: LlamaForCausalLM
    tokenizer: PreTrainedTokenizerFast
    decoder: Decoder
    params: dict
    vocabulary: vocabularies.Vocabulary


def peers(folder, bos=True):
    """A model that knows the tokenizer's pieces, in a folder that both sides read."""
    model = llama(vocab_size=len(tokenizer(bos)), bos_token_id=1 if bos else None, eos_token_id=2)
    tokenizer(bos).save_pretrained(folder)
    decoder, params = ours(folder, model)
    return Peers(model, tokenizer(bos), decoder, params, vocabularies.load(folder))


def score(peers, folder, sets, rule, texts):
    """Our tables of question sets under a rule, `texts` being the template's; and the accuracies."""
    template = folder / "template.yaml"
    neutral = {"en": "Answer: {option}", "ja": "答え：{option}"}
    template.write_text(yaml.safe_dump({"name": "test", "neutral": neutral} | texts, allow_unicode=True))
    evaluator = Evaluator(peers.decoder, peers.vocabulary, sets, rule=rule, template=str(template))
    accuracies = evaluator(0, peers.params, "digest", folder)
    return {name: evaluator.table(name, 0, folder) for name in sets}, accuracies
