"""`jaxmlda convert`: there and back with everything that belongs to a model, and what is refused on the way."""

import importlib.util
import json

import jax
import numpy as np
import pytest
import tokenizers
import yaml
from model_case import FAMILIES, config, sharp, small_decoder
from safetensors.numpy import load_file

from jaxmlda.errors import UserError
from jaxmlda.model import huggingface
from jaxmlda.training.checkpoints import Checkpoints, read_meta
from jaxmlda.verbs import convert

CARRIED = {
    "tokenizer_config.json": '{"eos_token": "w2"}',
    "generation_config.json": '{"eos_token_id": [2, 3]}',
    "chat_template.jinja": "{{ messages }}",
    "vocab.json": "{}",
    "merges.txt": "a b",
}


def tokenizer(folder, pieces):
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({f"w{n}": n for n in range(pieces)}, unk_token="w0"))
    made.save(str(folder / "tokenizer.json"))


def model_folder(home, dtype="float32", pieces=37, **changes):
    """A Hugging Face folder with a tokenizer, files of generation, and one file more."""
    decoder = small_decoder(**changes)
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), sharp(decoder))
    huggingface.write(home, decoder.config, params, {"bos": 1, "eos": [2, 3], "pad": None})
    tokenizer(home, pieces)
    for name, text in CARRIED.items():
        (home / name).write_text(text)
    (home / "README.md").write_text("not carried")
    return home


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_folder_comes_back_with_its_format_tokenizer_and_settings_of_generation(tmp_path, dtype):
    there = model_folder(tmp_path / "there", dtype, **FAMILIES["norms around, caps, windows"])
    convert.run([str(there), str(tmp_path / "checkpoint")])
    convert.run([str(tmp_path / "checkpoint"), str(tmp_path / "back")])
    back = tmp_path / "back"
    names = {"config.json", "model.safetensors", "tokenizer.json", *CARRIED}
    assert {path.name for path in back.iterdir()} == names
    for name in names - {"model.safetensors"}:
        assert (back / name).read_text() == (there / name).read_text()
    first, second = (load_file(folder / "model.safetensors") for folder in (there, back))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert tensor.dtype == second[name].dtype == dtype
        assert tensor.tobytes() == second[name].tobytes()
    assert read_meta(tmp_path / "checkpoint")["dtype"] == dtype
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back", "checkpoint", "there"]


def test_another_format_is_made_where_it_is_asked_for(tmp_path):
    there = model_folder(tmp_path / "there")
    convert.run([str(there), str(tmp_path / "checkpoint"), "--dtype", "bfloat16"])
    convert.run([str(tmp_path / "checkpoint"), str(tmp_path / "back")])
    first, second = (load_file(folder / "model.safetensors") for folder in (there, tmp_path / "back"))
    for name, tensor in first.items():
        assert second[name].dtype == "bfloat16"
        np.testing.assert_array_equal(second[name], tensor.astype("bfloat16"))
    assert json.loads((tmp_path / "back" / "config.json").read_text())["torch_dtype"] == "bfloat16"


@pytest.mark.parametrize(("step", "seed"), [(None, 5), ("0", 0)])
def test_a_run_gives_its_last_checkpoint_or_the_one_asked_for_with_its_own_tokenizer(tmp_path, step, seed):
    home, words = tmp_path / "run", tmp_path / "words"
    words.mkdir()
    tokenizer(words, 37)
    (words / "tokenizer_config.json").write_text('{"eos_token": "w2", "bos_token": "w4"}')
    kept = Checkpoints(home, 1)
    for number in (0, 5):
        params = sharp(small_decoder(), number)
        kept.save_science(number, params, {"step": number, "model": config().model_dump()})
    kept.close()
    (home / "run.json").write_text("{}")
    settings = {"vocabulary": str(words), "training": {"precision": {"parameters": "float32"}}}
    (home / "config.yaml").write_text(yaml.safe_dump(settings))
    convert.run([str(home), str(tmp_path / "made"), *(["--step", step] if step else [])])
    found = load_file(tmp_path / "made" / "model.safetensors")
    np.testing.assert_array_equal(found["lm_head.weight"], sharp(small_decoder(), seed)["head"])
    stored = json.loads((tmp_path / "made" / "config.json").read_text())
    assert (stored["bos_token_id"], stored["eos_token_id"], stored["pad_token_id"]) == (4, 2, 2)
    assert (tmp_path / "made" / "tokenizer.json").read_text() == (words / "tokenizer.json").read_text()
    with pytest.raises(UserError, match=r"no finished checkpoint of step 3; there are \[0, 5\]"):
        convert.run([str(home), str(tmp_path / "other"), "--step", "3"])


def test_a_tokenizer_that_does_not_fit_stops_it_both_ways(tmp_path):
    large = model_folder(tmp_path / "large", pieces=40)
    with pytest.raises(UserError, match="makes ids up to 39, the embedding has 37 rows"):
        convert.run([str(large), str(tmp_path / "checkpoint")])
    assert not (tmp_path / "checkpoint").exists()
    convert.run([str(model_folder(tmp_path / "there")), str(tmp_path / "checkpoint")])
    with pytest.raises(UserError, match="makes ids up to 39, the embedding has 37 rows"):
        convert.run([str(tmp_path / "checkpoint"), str(tmp_path / "back"), "--vocabulary", str(large)])
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("name", [".checkpoint.unfinished", ".checkpoint.unfinished.orbax-checkpoint-tmp"])
def test_what_was_left_torn_is_begun_anew(tmp_path, name):
    there, torn = model_folder(tmp_path / "there"), tmp_path / name
    (torn / "params").mkdir(parents=True)
    (torn / "params" / "half").write_text("?")
    convert.run([str(there), str(tmp_path / "checkpoint")])
    assert not torn.exists()
    assert not (tmp_path / "checkpoint" / "params" / "half").exists()


def test_what_is_there_is_never_written_over(tmp_path):
    there = model_folder(tmp_path / "there")
    with pytest.raises(UserError, match="there: exists already"):
        convert.run([str(there), str(there)])


def test_a_comparison_without_transformers_is_refused_before_anything_is_done(tmp_path, monkeypatch):
    there, find = model_folder(tmp_path / "there"), importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "transformers" else find("json"))
    with pytest.raises(UserError, match=r"--check: needs transformers; install jaxmlda\[peers\]"):
        convert.run([str(there), str(tmp_path / "checkpoint"), "--check"])
    assert not (tmp_path / "checkpoint").exists()


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    there = model_folder(tmp_path / "there")
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(huggingface, "read_params", lambda *_: pytest.fail("read"))
    with pytest.raises(UserError, match=r"file/deep/to: cannot be made, .*file says: Not a directory; choose a TO"):
        convert.run([str(there), str(tmp_path / "file" / "deep" / "to")])
    before = sorted(path.name for path in tmp_path.iterdir())
    convert.writable(convert.epath.Path(tmp_path / "new" / "to"))
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_comparison_that_fails_says_that_what_was_written_stays(tmp_path, monkeypatch):
    def apart(*_):
        raise UserError("logits lie far apart")

    there, made = model_folder(tmp_path / "there"), tmp_path / "checkpoint"
    monkeypatch.setattr(huggingface.check, "needed", lambda: None)
    monkeypatch.setattr(huggingface.check, "check", apart)
    with pytest.raises(UserError, match=r"logits lie far apart; .*checkpoint stays as it was written, delete it"):
        convert.run([str(there), str(made), "--check"])
    assert read_meta(made)["step"] == 0
