"""The Hugging Face format: there and back bit for bit, both spellings of config.json, and clear refusals."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tokenizers
from jax.sharding import SingleDeviceSharding
from model_case import FAMILIES, config, logits, sharp, small_decoder
from safetensors.numpy import load_file, save_file

from jaxmlda.errors import UserError
from jaxmlda.model import huggingface

SPECIAL = {"bos": 1, "eos": 2, "pad": None}
NUMBERS = {
    "architectures": ["LlamaForCausalLM"],
    "vocab_size": 37,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 6,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
}


def like(decoder, dtype="float32"):
    one = SingleDeviceSharding(jax.devices()[0])
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=one), decoder.abstract(dtype)
    )


def same_bits(found, expected):
    def one(a, b):
        assert a.dtype == b.dtype
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()

    jax.tree.map(one, found, expected)


@pytest.fixture
def folder(tmp_path):
    """A written model."""
    huggingface.write(tmp_path, config(), sharp(small_decoder()), SPECIAL)
    return tmp_path


def told(folder, **changes):
    """Writes config.json with changes; None takes a key out."""
    stored = json.loads((folder / "config.json").read_text()) | changes
    kept = {name: value for name, value in stored.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))


LLAMA = [
    {},
    {"tied_embeddings": True},
    {"kv_heads": 4, "rope_theta": 5e5},
    {"rope_scaling": {"kind": "llama3", "factor": 8.0, "original_positions": 32}},
    {"rope_scaling": {"kind": "yarn", "factor": 4.0, "original_positions": 16, "truncate": False}},
]
# As the families have them, with all that each has whatever its numbers are.
OTHERS = {
    "MistralForCausalLM": {"window": 4},
    "Qwen2ForCausalLM": {"qkv_bias": True, "window": 3, "full_layers": [0]},
    "Qwen3ForCausalLM": {"qk_norm": "head", "head_size": 8},
    "Olmo2ForCausalLM": {"norms": "after", "qk_norm": "width"},
    "Gemma2ForCausalLM": FAMILIES["norms around, caps, windows"],
    "Gemma3ForCausalLM": FAMILIES["norms around, caps, windows"]
    | FAMILIES["a base for windows"]
    | {"attention_soft_cap": None, "query_scalar": None},
}
EVERY = [("LlamaForCausalLM", changes) for changes in LLAMA] + list(OTHERS.items())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("architecture", "changes"), EVERY)
def test_what_is_written_is_read_bit_for_bit(tmp_path, architecture, changes, dtype):
    decoder = small_decoder(**changes)
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), sharp(decoder))
    huggingface.write(tmp_path, decoder.config, params, SPECIAL)
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == [architecture]
    found = huggingface.read_config(tmp_path)
    assert found.model_copy(update={"query_scalar": decoder.config.query_scalar}) == decoder.config
    assert (found.query_scalar or found.head_size) == (decoder.config.query_scalar or decoder.config.head_size)
    assert huggingface.stored_dtype(tmp_path) == dtype
    same_bits(huggingface.read_params(tmp_path, decoder.config, like(decoder, dtype)), params)


def test_large_models_are_written_in_several_files_with_an_index(tmp_path):
    huggingface.write(tmp_path, config(), sharp(small_decoder()), SPECIAL, file_bytes=4000)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    names = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert names == [f"model-{number:05}-of-{len(names):05}.safetensors" for number in range(1, len(names) + 1)]
    assert sorted(set(index["weight_map"].values())) == names
    assert index["metadata"]["total_size"] == 4 * config().parameters()
    for name in names:
        tensors = load_file(tmp_path / name)
        assert set(tensors) == {tensor for tensor, file in index["weight_map"].items() if file == name}
        assert len(tensors) == 1 or sum(tensor.nbytes for tensor in tensors.values()) <= 4000
    same_bits(huggingface.read_params(tmp_path, config(), like(small_decoder())), sharp(small_decoder()))


def test_numbers_that_no_class_of_transformers_has_are_not_written(tmp_path):
    decoder = small_decoder(qkv_bias=True, logit_soft_cap=3.0)
    with pytest.raises(UserError, match=r"no class of transformers .*'qkv_bias': True.*'logit_soft_cap': 3\.0.*Qwen2"):
        huggingface.write(tmp_path / "new", decoder.config, sharp(decoder), SPECIAL)
    assert not (tmp_path / "new").exists()


def test_tensors_have_the_names_and_the_turn_of_llama_checkpoints(folder):
    tensors, params = load_file(folder / "model.safetensors"), sharp(small_decoder())
    layers = params["layers"]
    assert len(tensors) == 3 + 2 * 9
    np.testing.assert_array_equal(tensors["model.embed_tokens.weight"], params["embedding"])
    np.testing.assert_array_equal(tensors["lm_head.weight"], params["head"])
    np.testing.assert_array_equal(tensors["model.norm.weight"], params["norm"]["scale"])
    for layer in (0, 1):
        name = f"model.layers.{layer}"
        np.testing.assert_array_equal(tensors[f"{name}.self_attn.k_proj.weight"], layers["attention"]["k"][layer].T)
        np.testing.assert_array_equal(tensors[f"{name}.mlp.down_proj.weight"], layers["mlp"]["down"][layer].T)
        scale = layers["mlp_norm"]["scale"][layer]
        np.testing.assert_array_equal(tensors[f"{name}.post_attention_layernorm.weight"], scale)
    stored = json.loads((folder / "config.json").read_text())
    assert (stored["bos_token_id"], stored["eos_token_id"], stored["pad_token_id"]) == (1, 2, None)
    assert {name: stored[name] for name in NUMBERS} == NUMBERS


def test_weights_in_another_format_are_rounded_on_the_way_in(folder):
    expected = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), sharp(small_decoder()))
    same_bits(huggingface.read_params(folder, config(), like(small_decoder(), "bfloat16")), expected)


def split(folder, files=3):
    """The same tensors in several files with an index, as large checkpoints come."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = [f"model-{number:05}-of-{files:05}.safetensors" for number in range(1, files + 1)]
    where = {tensor: names[number % files] for number, tensor in enumerate(sorted(tensors))}
    for name in names:
        save_file({tensor: tensors[tensor] for tensor in tensors if where[tensor] == name}, folder / name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))


def test_several_files_with_an_index_are_one_model(folder):
    split(folder)
    same_bits(huggingface.read_params(folder, config(), like(small_decoder())), sharp(small_decoder()))


def test_a_tensor_that_the_index_puts_elsewhere_is_named(folder):
    split(folder)
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    lost = min(index["weight_map"])
    index["weight_map"][lost] = next(file for file in index["weight_map"].values() if file != index["weight_map"][lost])
    path.write_text(json.dumps(index))
    assert f"has no {lost}, but model.safetensors.index.json says so" in refusal(folder)


def test_a_file_of_the_index_that_is_missing_is_named(folder):
    split(folder)
    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(UserError, match=r"model-00002-of-00003\.safetensors.*model\.safetensors\.index\.json names it"):
        huggingface.read_params(folder, config(), like(small_decoder()))


@pytest.mark.parametrize("several", [False, True])
def test_a_torn_file_is_named(folder, several):
    if several:
        split(folder)
    path = max(folder.glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=rf"{path.name}: cannot be read as safetensors"):
        huggingface.read_params(folder, config(), like(small_decoder()))


def rewritten(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    return folder


def refusal(folder, **changes):
    with pytest.raises(UserError) as raised:
        huggingface.read_params(folder, config(**changes), like(small_decoder(**changes)))
    return str(raised.value)


def test_missing_and_surplus_tensors_are_named(folder):
    lost = "model.layers.1.mlp.up_proj.weight"
    assert f"missing: ['{lost}']; surplus: []" in refusal(rewritten(folder, lambda tensors: tensors.pop(lost)))
    bias = np.zeros(24, np.float32)
    rewritten(folder, lambda tensors: tensors.update({lost: np.zeros((24, 16), np.float32), "q.bias": bias}))
    assert "missing: []; surplus: ['q.bias']" in refusal(folder)


def test_a_layer_more_than_the_configuration_says_is_surplus(folder):
    assert "surplus: ['model.layers.1.input_layernorm.weight'" in refusal(folder, layers=1)


def test_tables_of_rotary_angles_and_a_tied_head_that_is_written_too_are_no_surplus(tmp_path):
    decoder = small_decoder(tied_embeddings=True)
    huggingface.write(tmp_path, decoder.config, sharp(decoder), SPECIAL)
    surplus = {
        "model.layers.0.self_attn.rotary_emb.inv_freq": np.zeros(3, np.float32),
        "lm_head.weight": np.asarray(sharp(decoder)["embedding"]),
    }
    rewritten(tmp_path, lambda tensors: tensors.update(surplus))
    same_bits(huggingface.read_params(tmp_path, decoder.config, like(decoder)), sharp(decoder))


@pytest.mark.parametrize("kind", ["one number", "last row", "shape"])
def test_a_tied_head_that_is_not_the_table_is_refused(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(huggingface.read, "COMPARED_ROWS", 5)
    decoder = small_decoder(tied_embeddings=True)
    huggingface.write(tmp_path, decoder.config, sharp(decoder), SPECIAL)
    head = np.array(sharp(decoder)["embedding"])
    if kind == "shape":
        head = head[:-1]
    else:
        head[-1 if kind == "last row" else 3, 7] += 1
    rewritten(tmp_path, lambda tensors: tensors.update({"lm_head.weight": head}))
    assert "tie_word_embeddings is true, but lm_head.weight is not" in refusal(tmp_path, tied_embeddings=True)


@pytest.mark.parametrize("text", ["{}", "[]", '{"weight_map": {}}', '{"weight_map": {"a": 1}}', '{"weight_map": []}'])
def test_an_index_without_its_map_is_refused(folder, text):
    (folder / "model.safetensors.index.json").write_text(text)
    assert "model.safetensors.index.json: weight_map is needed, a mapping" in refusal(folder)


def test_a_tensor_that_the_index_does_not_name_is_surplus(folder):
    rewritten(folder, lambda tensors: tensors.update({"q.bias": np.zeros(3, np.float32)}))
    split(folder)
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    del index["weight_map"]["q.bias"]
    path.write_text(json.dumps(index))
    assert "missing: []; surplus: ['q.bias']" in refusal(folder)


def test_a_tensor_that_two_files_hold_is_refused(folder):
    split(folder)
    tensors = load_file(folder / "model-00001-of-00003.safetensors")
    extra = load_file(folder / "model-00002-of-00003.safetensors")
    save_file(extra | {min(tensors): tensors[min(tensors)]}, folder / "model-00002-of-00003.safetensors")
    said = refusal(folder)
    assert f"has a {min(tensors)} too, which model-00001-of-00003.safetensors has" in said


def test_tensors_of_more_digits_than_parameters_have_are_refused(folder):
    rewritten(folder, lambda tensors: tensors.update({"model.norm.weight": np.full(16, 1 / 3)}))
    assert "model.norm.weight has format F64, which no format of parameters holds" in refusal(folder)


@pytest.mark.parametrize("layer", [0, 1])
def test_a_tensor_of_another_shape_is_named_with_both_shapes(folder, layer):
    name = f"model.layers.{layer}.mlp.gate_proj.weight"
    rewritten(folder, lambda tensors: tensors.update({name: np.zeros((25, 16), np.float32)}))
    assert f"{name} is (25, 16), config.json says (24, 16)" in refusal(folder)


def test_pickled_weights_are_refused(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "pickled weights are not read" in refusal(folder)


@pytest.mark.parametrize(
    ("spelling", "theta"),
    [
        ({"rope_theta": 5e5}, 5e5),
        ({"rope_theta": None, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}, 5e5),
        ({"rope_theta": None, "rope_parameters": {"rope_theta": 5e5}}, 5e5),
        ({"rope_theta": None}, 1e4),
    ],
)
def test_the_rotary_base_is_read_in_every_spelling(folder, spelling, theta):
    told(folder, **spelling)
    assert huggingface.read_config(folder).rope_theta == theta


def test_keys_that_older_configurations_leave_out_have_their_old_meaning(folder):
    told(folder, num_key_value_heads=None, head_dim=None, tie_word_embeddings=None, attention_bias=None, mlp_bias=None)
    found = huggingface.read_config(folder)
    assert (found.kv_heads, found.head_size, found.tied_embeddings) == (4, 4, False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"architectures": ["GPT2LMHeadModel"]},
            r"\['GPT2LMHeadModel'\] is not supported; supported are Gemma2ForCausalLM, .*LlamaForCausalLM",
        ),
        ({"architectures": None}, "is not supported"),
        ({"model_type": "mllama"}, "model_type is 'mllama'; that of LlamaForCausalLM is 'llama'"),
        ({"auto_map": {"AutoModel": "modeling.Mine"}}, "auto_map names code .* never run"),
        ({"quantization_config": {"bits": 4}}, "quantization_config is there: quantised weights are not read"),
        ({"rope_scaling": {"rope_type": "llama3"}}, "rope_scaling.factor is needed where the kind is 'llama3'"),
        ({"rope_scaling": {"rope_type": "longrope", "factor": 2.0}}, "rope_scaling.rope_type is 'longrope'.*'llama3'"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0, "mscale": 1.0}}, "mscale is 1.0; of kind 'linear'.*factor"),
        ({"rope_parameters": {"rope_type": "su", "rope_theta": 1e4}}, "rope_type is 'su'; understood are 'default'"),
        ({"rope_parameters": {"partial_rotary_factor": 0.5}}, "partial_rotary_factor is 0.5; understood are 1.0"),
        ({"rope_parameters": {"full_attention": {"rope_theta": 1e4}}}, "understood is one set .* for all layers"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5; understood are 1.0, None"),
        ({"attention_bias": True}, "attention_bias is True; understood are False, None"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'; understood are 'silu'"),
        ({"sliding_window": 128}, "sliding_window is 128; understood are None"),
        (
            {"layer_types": ["full_attention", "sliding_attention"]},
            "layer_types is .*understood are 2 of full_attention",
        ),
        ({"residual_multiplier": 0.2}, "residual_multiplier is 0.2, a field that is not known .* null, or none"),
        ({"hidden_size": None}, "hidden_size is needed, a number, and is None"),
        ({"num_hidden_layers": "2"}, "num_hidden_layers is needed, a number, and is '2'"),
        ({"num_key_value_heads": 3}, r"heads \(4\) must be a multiple of kv_heads \(3\)"),
        ({"intermediate_size": 0}, "intermediate_size is 0; what works is a whole number from 1"),
        ({"num_hidden_layers": 2.0}, r"num_hidden_layers is 2\.0; what works is a whole number from 1 to 10000"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000; what works .* to 10000"),
        ({"num_attention_heads": 0, "head_dim": None}, "num_attention_heads is 0; what works"),
        ({"num_key_value_heads": 0}, "num_key_value_heads is 0; what works"),
        ({"architectures": 5}, "architectures 5 is not supported; .* in a list of one"),
        ({"architectures": ["FooForCausalLM", "LlamaForCausalLM"]}, "is not supported"),
        ({"rope_scaling": "linear"}, "rope_scaling is 'linear'; what works is a mapping"),
        ({"rope_parameters": [1]}, r"rope_parameters is \[1\]; what works is a mapping"),
        ({"rope_scaling": {"type": ["x"], "factor": 2.0}}, r"rope_scaling.type is \['x'\]; understood are 'default'"),
        ({"rope_scaling": {"rope_type": "linear", "type": "dynamic", "factor": 2.0}}, "'linear' and type is 'dynamic'"),
        ({"rope_scaling": {"type": "yarn", "factor": 2.0, "beta_slow": 0}}, "slow: .*greater than 0"),
        (
            {"rope_scaling": {"type": "yarn", "factor": 2.0}, "rope_theta": 1},
            r"rope_theta \(1.0\) must be above 1, yarn",
        ),
        ({"rope_parameters": {"rope_theta": 0}}, "rope_theta: .*greater than 0"),
        ({"rope_theta": float("inf")}, "rope_theta: .*finite"),
        ({"rms_norm_eps": -1}, ": rms_norm_eps: .*greater than 0"),
        ({"rms_norm_eps": 0.0}, ": rms_norm_eps: .*greater than 0"),
        ({"rms_norm_eps": float("nan")}, ": rms_norm_eps: .*finite"),
        ({"layer_types": 7}, "layer_types is 7; what works is a list of 2 kinds"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_name(folder, changes, said):
    told(folder, **changes)
    with pytest.raises(UserError, match=said) as raised:
        huggingface.read_config(folder)
    assert str(folder / "config.json") in str(raised.value)


@pytest.mark.parametrize("text", ["[1]", "null", "5"])
def test_a_configuration_that_is_no_mapping_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(UserError, match=r"config\.json: is .*; what works is a mapping of fields"):
        huggingface.read_config(folder)


def test_fields_that_change_nothing_are_passed_over(folder):
    told(folder, use_cache=True, torch_dtype="float16", transformers_version="4.40.1", is_llama_config=True)
    told(folder, auto_map={}, quantization_config={})
    stored = json.loads((folder / "config.json").read_text()) | {"residual_multiplier": None}
    (folder / "config.json").write_text(json.dumps(stored))
    assert huggingface.read_config(folder) == config()


def test_tensors_of_integers_are_refused_as_quantised(folder):
    name = "model.layers.0.mlp.gate_proj.weight"
    rewritten(folder, lambda tensors: tensors.update({name: np.zeros((24, 16), np.int8)}))
    assert f"{name} has format I8; understood are F32, F16, BF16" in refusal(folder)


def made_tokenizer(folder, pieces, special=()):
    """A tokenizer of whole words w0, w1, ..."""
    vocabulary = {f"w{number}": number for number in range(pieces)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="w0"))
    made.add_special_tokens(list(special))
    made.save(str(folder / "tokenizer.json"))


def test_a_tokenizer_that_makes_ids_beyond_the_embedding_is_refused(folder):
    huggingface.check_tokenizer(folder, config())
    made_tokenizer(folder, 37)
    huggingface.check_tokenizer(folder, config())
    made_tokenizer(folder, 40)
    with pytest.raises(UserError, match="makes ids up to 39, the embedding has 37 rows"):
        huggingface.check_tokenizer(folder, config())


def test_special_tokens_that_text_never_makes_may_lie_beyond_the_embedding(folder):
    made_tokenizer(folder, 37, special=["<image>"])
    huggingface.check_tokenizer(folder, config())


def test_special_tokens_that_are_put_around_a_text_may_not(folder):
    made_tokenizer(folder, 37, special=["<s>"])
    made = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    made.post_processor = tokenizers.processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 37)])
    made.save(str(folder / "tokenizer.json"))
    with pytest.raises(UserError, match="makes ids up to 37, the embedding has 37 rows"):
        huggingface.check_tokenizer(folder, config())


@pytest.mark.parametrize(("field", "ids"), [("bos_token_id", 37), ("eos_token_id", [2, 40]), ("pad_token_id", 37)])
def test_ids_of_the_configuration_beyond_the_embedding_are_refused(folder, field, ids):
    told(folder, pad_token_id=-1, bos_token_id=36, eos_token_id=[2, 36])
    made_tokenizer(folder, 37)
    huggingface.check_tokenizer(folder, config())
    told(folder, **{field: ids})
    with pytest.raises(UserError, match=rf"config\.json: {field} is .*, the embedding has 37 rows"):
        huggingface.check_tokenizer(folder, config())


@pytest.mark.parametrize("ids", ["2", [None], 2.0])
def test_ids_that_are_no_numbers_are_refused(folder, ids):
    told(folder, eos_token_id=ids)
    with pytest.raises(UserError, match=r"eos_token_id is .*; what works is an id, a list of ids, or null"):
        huggingface.special_ids(folder)


@pytest.mark.parametrize(("name", "content"), [("tokenizer.json", b'{"a'), ("tokenizer.model", b"\x01\x02garbage")])
def test_a_torn_tokenizer_is_named(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}: cannot be read as a tokenizer"):
        huggingface.check_tokenizer(folder, config())


def test_a_bucket_is_refused_before_anything_is_read_or_written():
    with pytest.raises(UserError, match="read from local disks; copy the folder there first"):
        huggingface.stored_dtype("gs://somewhere/model")
    with pytest.raises(UserError, match="written to local disks; write there, then copy the folder"):
        huggingface.write("gs://somewhere/model", config(), sharp(small_decoder()), SPECIAL)


def test_a_folder_without_a_model_is_refused_by_the_file_that_is_missing(tmp_path):
    with pytest.raises(UserError, match=r"config\.json: there is no such file"):
        huggingface.read_config(tmp_path)


def test_weights_that_were_read_give_the_logits_of_those_that_were_written(folder):
    row = np.arange(9), np.arange(9), np.ones(9, int)
    found = huggingface.read_params(folder, config(), like(small_decoder()))
    np.testing.assert_array_equal(
        logits(small_decoder(), found, *row), logits(small_decoder(), sharp(small_decoder()), *row)
    )
