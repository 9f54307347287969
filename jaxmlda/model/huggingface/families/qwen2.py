"""Qwen2 and Qwen2.5: biases of queries, keys and values; windows in the upper layers where they are switched on."""

from collections.abc import Mapping
from typing import Any

from jaxmlda.model.config import ModelConfig
from jaxmlda.model.huggingface.families.llama import BEFORE
from jaxmlda.model.huggingface.family import Family, register

DEFAULTS = {
    "tie_word_embeddings": False,
    "use_sliding_window": False,
    "sliding_window": 4096,
    "max_window_layers": 28,
}
WINDOW_FIELDS = frozenset({"use_sliding_window", "sliding_window", "max_window_layers"})


def sees_all(layer: int, stored: Mapping[str, Any]) -> bool:
    """The lower layers do."""
    return layer < stored["max_window_layers"]


def written(config: ModelConfig) -> dict[str, Any]:
    """The switch beside the window."""
    return {"use_sliding_window": config.window is not None, "sliding_window": config.window}


register(
    Family(
        architecture="Qwen2ForCausalLM",
        model_type="qwen2",
        norms=BEFORE,
        always={"qkv_bias": True},
        defaults=DEFAULTS,
        sees_all=sees_all,
        window_fields=WINDOW_FIELDS,
        has_layer_types=True,
        written=written,
    )
)
