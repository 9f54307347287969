"""The decoder against transformers' Llama: logits, packed rows, gradients, and folders read both ways."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import jax  # noqa: E402
from peer_case import VARIANTS, llama, ours, packed, same_logits, their_logits  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from jaxmlda.model import Decoder, ModelConfig, huggingface  # noqa: E402
from jaxmlda.training.step import LossSettings, make_gradient, targets_of  # noqa: E402

pytestmark = pytest.mark.peers
RNG = np.random.default_rng(1)
DOCUMENTS = [RNG.integers(0, 97, size) for size in (41, 17, 60, 2)]
ROW = packed(DOCUMENTS, 128)


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS.keys())
def test_logits_of_packed_documents_are_those_of_transformers_for_each_alone(tmp_path, changes):
    model = llama(**changes)
    decoder, params = ours(tmp_path, model)
    found = np.asarray(jax.jit(lambda p: decoder.logits(p, decoder.hidden(p, *ROW)))(params))[0]
    begin = 0
    for ids in DOCUMENTS:
        same_logits(found[begin : begin + len(ids)], their_logits(model, ids))
        begin += len(ids)


def their_gradient(model, folder):
    """Torch's gradient of the mean next-token loss over all documents, written as a model folder."""
    losses = []
    for ids in DOCUMENTS:
        given = torch.tensor(ids)
        logits = model(given[None]).logits[0, :-1]
        losses.append(torch.nn.functional.cross_entropy(logits, given[1:], reduction="sum"))
    count = sum(len(ids) - 1 for ids in DOCUMENTS)
    loss = torch.stack(losses).sum() / count
    loss.backward()
    tensors = {name: weight.grad.contiguous() for name, weight in model.named_parameters()}
    model.config.save_pretrained(folder)
    save_file(tensors, folder / "model.safetensors")
    return float(loss.detach())


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS.keys())
def test_loss_and_gradients_of_a_packed_row_are_those_of_torch(tmp_path, changes):
    model = llama(**changes)
    (tmp_path / "model").mkdir()
    decoder, params = ours(tmp_path / "model", model)
    (tmp_path / "gradient").mkdir()
    loss = their_gradient(model, tmp_path / "gradient")
    _, expected = ours(tmp_path / "gradient")
    tokens, positions, segments = ROW
    batch = {"tokens": tokens, "positions": positions, "segment_ids": segments}
    batch |= {"loss_mask": (segments > 0).astype(np.int32), "stream": np.zeros(1, np.int32)}
    gradient = jax.jit(make_gradient(decoder, LossSettings((1.0,), 0.0, 50, 1, "stop")))
    (found, _), slopes = gradient(params, batch, 1 / targets_of(batch)[1].sum())
    assert float(found) == pytest.approx(loss, rel=1e-5)

    def near(path, ours, theirs):
        assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max(), jax.tree_util.keystr(path)

    jax.tree_util.tree_map_with_path(near, slopes, expected)


@pytest.mark.parametrize("tied", [False, True])
def test_what_we_write_transformers_loads_with_the_same_logits(tmp_path, tied):
    config = ModelConfig(
        vocab_size=97,
        hidden_size=32,
        mlp_size=56,
        layers=2,
        heads=4,
        kv_heads=2,
        head_size=16,
        max_positions=128,
        rope_theta=500_000.0,
        norm_eps=1e-3,
        tied_embeddings=tied,
    )
    decoder, rng = Decoder(config), np.random.default_rng(2)
    params = jax.tree.map(
        lambda leaf: (0.2 * rng.standard_normal(leaf.shape) + (leaf.ndim < 2)).astype(np.float32), decoder.abstract()
    )
    huggingface.write(tmp_path, config, params, {"bos": 1, "eos": 2, "pad": None})
    model, told = AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True, dtype=torch.float32)
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    assert (model.config.bos_token_id, model.config.eos_token_id) == (1, 2)
    found = np.asarray(jax.jit(lambda p: decoder.logits(p, decoder.hidden(p, *packed(DOCUMENTS[:1], 64))))(params))
    same_logits(found[0, : len(DOCUMENTS[0])], their_logits(model.eval(), DOCUMENTS[0]))
