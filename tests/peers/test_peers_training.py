"""Thirty training steps against torch's AdamW: the same weights, rows and settings, the same losses."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from peer_case import llama, ours, packed  # noqa: E402

from jaxmlda.config.run import Optimizer, Schedule  # noqa: E402
from jaxmlda.training.optimizer import optimizer  # noqa: E402
from jaxmlda.training.step import LossSettings, State, make_step  # noqa: E402

pytestmark = pytest.mark.peers
STEPS, ROWS, LENGTH, WARM = 30, 4, 48, 5
PEAK, FINAL, Z = 1e-2, 1e-3, 1e-3
WEIGHTS = (1.0, 0.5)


def documents(step):
    """Two documents a row; token t is mostly followed by 5t + 3."""
    rng = np.random.default_rng(step)
    for _ in range(ROWS):
        cut = int(rng.integers(10, 35))
        row = []
        for size in (cut, LENGTH - cut - 4):
            ids = [int(rng.integers(97))]
            while len(ids) < size:
                ids.append((5 * ids[-1] + 3) % 97 if rng.random() < 0.7 else int(rng.integers(97)))
            row.append(np.array(ids))
        yield row


def rate(step):
    """Linear warm-up whose first step is peak / w, then a cosine."""
    if step < WARM:
        return PEAK * (step + 1) / WARM
    return FINAL + (PEAK - FINAL) * (1 + math.cos(math.pi * (step - WARM) / (STEPS - WARM))) / 2


def their_losses(model):
    """Torch: each document alone, decay for matrices only, the gradient clipped at 1."""
    matrices = [weight for name, weight in model.named_parameters() if "norm" not in name]
    norms = [weight for name, weight in model.named_parameters() if "norm" in name]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": norms, "weight_decay": 0.0}]
    rule = torch.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.95), eps=1e-8)
    for step in range(STEPS):
        for group in rule.param_groups:
            group["lr"] = rate(step)
        total, count = 0.0, 0
        for number, row in enumerate(documents(step)):
            for ids in row:
                given = torch.tensor(ids)
                logits = model(given[None]).logits[0, :-1]
                nll = torch.nn.functional.cross_entropy(logits, given[1:], reduction="none")
                total = total + WEIGHTS[number % 2] * (nll + Z * torch.logsumexp(logits, -1) ** 2).sum()
                count += len(ids) - 1
        loss = total / count
        rule.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        rule.step()
        yield float(loss.detach()), float(norm)


def our_losses(decoder, params):
    schedule = Schedule(name="cosine", peak=PEAK, final=FINAL, warmup_steps=WARM)
    rule = optimizer(Optimizer(), schedule, STEPS)
    step = jax.jit(make_step(decoder, rule, LossSettings(WEIGHTS, Z, 64, 2, "stop")))
    state = State(params, rule.init(params), jnp.int32(0))
    for number in range(STEPS):
        rows = [packed(row, LENGTH) for row in documents(number)]
        tokens, positions, segments = (np.concatenate(column) for column in zip(*rows, strict=True))
        batch = {"tokens": tokens, "positions": positions, "segment_ids": segments}
        batch |= {"loss_mask": (segments > 0).astype(np.int32), "stream": np.arange(ROWS, dtype=np.int32) % 2}
        state, metrics = step(state, batch)
        yield float(metrics.loss), float(metrics.gradient_norm)


def test_thirty_steps_have_the_losses_of_torch(tmp_path):
    model = llama(num_hidden_layers=2)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.mul_(1.0 if "norm" in name else 0.3)
    decoder, params = ours(tmp_path, model)
    found, expected = list(our_losses(decoder, params)), list(their_losses(model))
    np.testing.assert_allclose([loss for loss, _ in found], [loss for loss, _ in expected], rtol=1e-3)
    np.testing.assert_allclose([norm for _, norm in found], [norm for _, norm in expected], rtol=1e-2)
    assert expected[-1][0] < 0.8 * expected[0][0]
    assert 0 < sum(norm > 1 for _, norm in expected) < STEPS
