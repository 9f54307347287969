"""Qwen3: norms of queries and keys, head by head, in place of Qwen2's biases."""

from jaxmlda.model.huggingface.families.llama import BEFORE
from jaxmlda.model.huggingface.families.qwen2 import DEFAULTS, WINDOW_FIELDS, sees_all, written
from jaxmlda.model.huggingface.family import Family, register

register(
    Family(
        architecture="Qwen3ForCausalLM",
        model_type="qwen3",
        norms=BEFORE,
        always={"qk_norm": "head"},
        defaults=DEFAULTS | {"head_dim": 128},
        sees_all=sees_all,
        window_fields=WINDOW_FIELDS,
        has_layer_types=True,
        written=written,
    )
)
