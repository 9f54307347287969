"""`config.json` of published models, family by family: what they mean here, in their old and new spellings."""

import json

import pytest
from published import GEMMA2, GEMMA3, MISTRAL, OLMO2, PUBLISHED

from jaxmlda.config import configs_dir, load
from jaxmlda.errors import UserError
from jaxmlda.model import ModelConfig, huggingface


@pytest.fixture
def read(tmp_path):
    """Reads a `config.json` given as a dictionary."""

    def one(stored, **changes):
        (tmp_path / "config.json").write_text(json.dumps(stored | changes))
        return huggingface.read_config(tmp_path)

    return one


@pytest.mark.parametrize("name", PUBLISHED)
def test_shipped_models_are_what_their_published_configurations_say(read, name):
    assert read(PUBLISHED[name]) == load(ModelConfig, configs_dir() / "models" / f"{name}.yaml")


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_new_spelling_of_positions_means_the_same(read, name):
    old = PUBLISHED[name]
    scaled = old.get("rope_scaling") or {"rope_type": "default"}
    new = {key: value for key, value in old.items() if key not in ("rope_theta", "rope_scaling")}
    assert read(new, rope_parameters={"rope_theta": old["rope_theta"]} | scaled) == read(old)


def test_mistral_has_a_window_in_every_layer_or_none(read):
    assert read(MISTRAL).windows() == [4096] * 32
    assert read(MISTRAL, sliding_window=None).windows() == [None] * 32
    del (left_out := dict(MISTRAL))["sliding_window"]
    assert read(left_out).window == 4096


def test_qwen2_has_windows_above_where_they_are_switched_on(read):
    qwen = PUBLISHED["qwen2.5-1.5b"] | {"sliding_window": 1024, "max_window_layers": 20}
    assert read(qwen).windows() == [None] * 28
    assert read(qwen, use_sliding_window=True).windows() == [None] * 20 + [1024] * 8
    kinds = ["sliding_attention", "full_attention"] * 14
    assert read(qwen, use_sliding_window=True, layer_types=kinds).windows() == [1024, None] * 14
    with pytest.raises(UserError, match=r"layer_types is .*understood are 28 of full_attention$"):
        read(qwen, layer_types=kinds)


def test_gemma2_is_read_whole(read):
    found = read(GEMMA2)
    assert found == ModelConfig(
        vocab_size=256000,
        hidden_size=2304,
        mlp_size=9216,
        layers=26,
        heads=8,
        kv_heads=4,
        head_size=256,
        max_positions=8192,
        norm_eps=1e-6,
        norms="both",
        norm_offset=True,
        activation="gelu_tanh",
        query_scalar=256,
        window=4096,
        full_layers=range(1, 26, 2),
        attention_soft_cap=50.0,
        logit_soft_cap=30.0,
        scaled_embeddings=True,
        tied_embeddings=True,
    )
    assert found.parameters() == 2_614_341_888


def test_gemma3_has_every_sixth_layer_full_and_two_rotary_bases(read):
    found = read(GEMMA3)
    assert found.full_layers == (5, 11, 17, 23)
    assert (found.rope_theta, found.local_rope_theta, found.window, found.qk_norm) == (1e6, 1e4, 512, "head")
    assert found.parameters() == 999_885_952
    kinds = ["full_attention" if (layer + 1) % 6 == 0 else "sliding_attention" for layer in range(26)]
    new = {key: value for key, value in GEMMA3.items() if "rope" not in key and key != "sliding_window_pattern"}
    rope = {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}
    assert read(new, layer_types=kinds, rope_parameters=rope) == found
    scaled = read(GEMMA3, rope_scaling={"rope_type": "linear", "factor": 8.0})
    assert (scaled.rope_scaling.kind, scaled.rope_scaling.factor, scaled.local_rope_theta) == ("linear", 8.0, 1e4)


def test_gemma3_is_refused_where_its_two_kinds_of_layers_are_not_told_apart(read):
    with pytest.raises(UserError, match="one set of parameters for each kind of layer"):
        read(GEMMA3, rope_parameters={"rope_type": "default", "rope_theta": 1e6})
    near = {"rope_type": "linear", "factor": 8.0}
    with pytest.raises(UserError, match=r"sliding_attention\.rope_type is 'linear'; understood are 'default'"):
        read(GEMMA3, rope_parameters={"full_attention": {}, "sliding_attention": near})


def test_olmo2_has_its_norms_after_and_over_all_heads(read):
    found = read(OLMO2)
    assert (found.norms, found.qk_norm, found.rope_theta, found.tied_embeddings) == ("after", "width", 5e5, False)
    assert found.parameters() == 1_484_916_736


@pytest.mark.parametrize("stored", [GEMMA2, GEMMA3])
def test_gemma_is_refused_with_another_activation(read, stored):
    with pytest.raises(UserError, match="hidden_activation is 'gelu'; understood are 'gelu_pytorch_tanh'"):
        read(stored, hidden_activation="gelu")


@pytest.mark.parametrize("stored", [MISTRAL, GEMMA2, GEMMA3, OLMO2, *PUBLISHED.values()])
def test_what_is_written_of_a_published_model_reads_back_as_itself(read, stored):
    model = read(stored)
    special = {role: stored.get(f"{role}_token_id") for role in ("bos", "eos", "pad")}
    written = huggingface.config.config_json(model, "bfloat16", special)
    assert written["architectures"] == stored["architectures"]
    assert [written[f"{role}_token_id"] for role in special] == list(special.values())
    assert read(written) == model


def test_numbers_by_which_windows_cannot_be_laid_out_are_refused(read):
    qwen = PUBLISHED["qwen2.5-1.5b"] | {"use_sliding_window": True, "sliding_window": 1024, "max_window_layers": None}
    with pytest.raises(UserError, match="max_window_layers is None; what works is a whole number from 0"):
        read(qwen)
    kinds = ["sliding_attention", "full_attention"] * 14
    assert read(qwen, layer_types=kinds).windows() == [1024, None] * 14
    assert read(qwen, use_sliding_window=False).windows() == [None] * 28
    with pytest.raises(UserError, match="use_sliding_window is 'no'; what works is true or false"):
        read(qwen, use_sliding_window="no")
    for pattern in (0, None):
        with pytest.raises(UserError, match=r"sliding_window_pattern is .*; what works is a whole number from 1"):
            read(GEMMA3, sliding_window_pattern=pattern)
    for window in (0, -1, "7"):
        with pytest.raises(UserError, match=r"sliding_window is .*; what works is a whole number from 1"):
            read(MISTRAL, sliding_window=window)
