"""A converted model against transformers. In: a Hugging Face folder, our parameters; out: how far logits lie apart."""

import importlib.util
from typing import Any

import jax
import numpy as np
from etils import epath

from jaxmlda.errors import UserError
from jaxmlda.model.decoder import Decoder

ROWS, LENGTH, ALLOWED = 2, 128, 1e-4


def needed() -> None:
    """Refuses where the libraries to compare with are not installed."""
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"--check: needs {' and '.join(missing)}; install jaxmlda[peers], or leave --check out")


def compare(folder: epath.PathLike, decoder: Decoder, params: Any, dtype: str) -> tuple[float, float]:
    """(largest difference, largest |logit|) on random tokens in float32, weights rounded to `dtype` on both sides."""
    import torch
    from transformers import AutoModelForCausalLM

    config = decoder.config
    shape = ROWS, min(LENGTH, config.max_positions)
    tokens = np.random.default_rng(0).integers(0, config.vocab_size, shape).astype(np.int32)
    positions = np.broadcast_to(np.arange(shape[1], dtype=np.int32), shape)
    found = jax.jit(lambda p, *row: decoder.logits(p, decoder.hidden(p, *row)))(
        params, tokens, positions, np.ones(shape, np.int32)
    )
    model = AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=torch.float32, use_safetensors=True, trust_remote_code=False
    )
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.to(getattr(torch, dtype)))
        expected = model.eval()(torch.from_numpy(tokens).long()).logits.numpy()
    return float(np.abs(np.asarray(found) - expected).max()), float(np.abs(expected).max())


def check(folder: epath.PathLike, decoder: Decoder, params: Any, dtype: str) -> str:
    """One line with the difference; more than 1e-4 of the largest |logit| is an error."""
    apart, largest = compare(folder, decoder, params, dtype)
    told = f"logits lie at most {apart:.2g} from those of transformers, the largest is {largest:.3g}"
    if not apart <= ALLOWED * largest:
        raise UserError(f"{folder}: {told}: the conversion is wrong, do not use it; please report the model's name")
    return told
