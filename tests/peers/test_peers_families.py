"""Every family against transformers: logits of packed rows, inner states, gradients, and folders written back."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import jax  # noqa: E402
from families_case import FAMILIES, tiny  # noqa: E402
from peer_case import ours, packed, same_logits, their_logits  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from jaxmlda.errors import UserError  # noqa: E402
from jaxmlda.model import huggingface  # noqa: E402
from jaxmlda.training.step import LossSettings, make_gradient, targets_of  # noqa: E402
from jaxmlda.verbs import convert  # noqa: E402

pytestmark = pytest.mark.peers
RNG = np.random.default_rng(1)
# Longer than every window and than every original length of scaled positions; then padding.
DOCUMENTS = [RNG.integers(0, 97, size) for size in (41, 17, 60, 2)]
ROW = packed(DOCUMENTS, 128)


@pytest.mark.parametrize("name", FAMILIES)
def test_logits_of_packed_documents_are_those_of_transformers_for_each_alone(tmp_path, name):
    model = tiny(name)
    decoder, params = ours(tmp_path, model)
    found = np.asarray(jax.jit(lambda p: decoder.logits(p, decoder.hidden(p, *ROW)))(params))[0]
    begin = 0
    for ids in DOCUMENTS:
        same_logits(found[begin : begin + len(ids)], their_logits(model, ids))
        begin += len(ids)


@pytest.mark.parametrize("name", ["Llama 3", "Gemma 2", "OLMo 2"])
def test_states_and_gates_of_every_layer_are_those_of_transformers(tmp_path, name):
    model = tiny(name)
    decoder, params = ours(tmp_path, model)
    gates = []
    for layer in model.model.layers:
        layer.mlp.act_fn.register_forward_hook(lambda module, given, found: gates.append(found[0].detach().numpy()))
    ids = DOCUMENTS[2]
    with torch.no_grad():
        their = model(torch.tensor([ids]), output_hidden_states=True).hidden_states
    found = decoder.states(params, *packed([ids], 64), keep=("hidden", "gate"))
    assert found["hidden"].shape == (decoder.config.layers + 1, 1, 64, 32)
    for mine, theirs in zip([*found["hidden"][:-1], found["final"]], their, strict=True):
        expected = theirs[0].numpy()
        assert np.abs(mine[0, : len(ids)] - expected).max() <= 1e-4 * np.abs(expected).max()
    for mine, expected in zip(found["gate"], gates, strict=True):
        assert np.abs(mine[0, : len(ids)] - expected).max() <= 1e-4 * np.abs(expected).max()


def their_gradient(model, folder):
    """Torch's gradient of the mean next-token loss over all documents, written as a model folder."""
    losses = []
    for ids in DOCUMENTS:
        given = torch.tensor(ids)
        logits = model(given[None]).logits[0, :-1]
        losses.append(torch.nn.functional.cross_entropy(logits, given[1:], reduction="sum"))
    loss = torch.stack(losses).sum() / sum(len(ids) - 1 for ids in DOCUMENTS)
    loss.backward()
    folder.mkdir()
    model.config.save_pretrained(folder)
    save_file(
        {name: weight.grad.contiguous() for name, weight in model.named_parameters()}, folder / "model.safetensors"
    )
    return float(loss.detach())


@pytest.mark.parametrize("name", ["Qwen2", "Qwen3", "Gemma 3", "OLMo 2"])
def test_loss_and_gradients_of_a_packed_row_are_those_of_torch(tmp_path, name):
    model = tiny(name)
    decoder, params = ours(tmp_path / "model", model, remat="qkv")
    loss = their_gradient(model, tmp_path / "gradient")
    _, expected = ours(tmp_path / "gradient")
    tokens, positions, segments = ROW
    batch = {"tokens": tokens, "positions": positions, "segment_ids": segments}
    batch |= {"loss_mask": (segments > 0).astype(np.int32), "stream": np.zeros(1, np.int32)}
    gradient = jax.jit(make_gradient(decoder, LossSettings((1.0,), 0.0, 50, 1, "stop")))
    (found, _), slopes = gradient(params, batch, 1 / targets_of(batch)[1].sum())
    assert float(found) == pytest.approx(loss, rel=1e-5)

    # Nothing turns on the biases of keys: a softmax takes no notice of what all its scores have in common.
    nothing = 1e-6 * max(np.abs(leaf).max() for leaf in jax.tree.leaves(expected))

    def near(path, ours, theirs):
        assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max() + nothing, jax.tree_util.keystr(path)

    jax.tree_util.tree_map_with_path(near, slopes, expected)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_folder_comes_back_bit_for_bit_and_transformers_gives_its_logits(tmp_path, name, dtype):
    model = tiny(name).to(getattr(torch, dtype))
    model.config.eos_token_id = [3, 5]
    model.save_pretrained(tmp_path / "there")
    (tmp_path / "there" / "generation_config.json").write_text('{"eos_token_id": [3, 5], "top_p": 0.5}')
    convert.run([str(tmp_path / "there"), str(tmp_path / "checkpoint"), "--check"])
    convert.run([str(tmp_path / "checkpoint"), str(tmp_path / "back")])
    there, back = (load_file(tmp_path / name / "model.safetensors") for name in ("there", "back"))
    assert there.keys() == back.keys()
    for tensor, found in back.items():
        assert found.dtype == there[tensor].dtype == getattr(torch, dtype)
        assert torch.equal(found.view(torch.uint8), there[tensor].view(torch.uint8))
    assert huggingface.read_config(tmp_path / "back") == huggingface.read_config(tmp_path / "there")
    assert json.loads((tmp_path / "back" / "generation_config.json").read_text())["top_p"] == 0.5
    before, again = (
        AutoModelForCausalLM.from_pretrained(tmp_path / name, dtype="float32") for name in ("there", "back")
    )
    assert again.config.eos_token_id == [3, 5]
    np.testing.assert_array_equal(their_logits(again, DOCUMENTS[2]), their_logits(before, DOCUMENTS[2]))


def test_a_check_that_finds_other_logits_is_an_error(tmp_path):
    model = tiny("Llama 3")
    decoder, params = ours(tmp_path, model)
    wrong = jax.tree.map(lambda leaf: leaf, params)
    wrong["norm"]["scale"] = params["norm"]["scale"].at[3].add(0.5)
    with pytest.raises(UserError, match=r"logits lie at most .* the conversion is wrong"):
        huggingface.check.check(tmp_path, decoder, wrong, "float32")
