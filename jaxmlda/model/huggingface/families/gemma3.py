"""Gemma 3, text alone: Gemma 2 with norms of queries and keys, mostly windows, and a rotary base of their own."""

from collections.abc import Mapping
from typing import Any

from jaxmlda.model.huggingface.families.gemma2 import ACTIVATION, ALWAYS, AROUND, FIELDS
from jaxmlda.model.huggingface.family import Family, register


def _sees_all(layer: int, stored: Mapping[str, Any]) -> bool:
    return (layer + 1) % stored["sliding_window_pattern"] == 0


register(
    Family(
        architecture="Gemma3ForCausalLM",
        model_type="gemma3_text",
        norms=AROUND,
        always=ALWAYS | {"qk_norm": "head"},
        # transformers has the field attn_logit_softcapping and leaves it aside.
        fields={ours: theirs for ours, theirs in FIELDS.items() if ours != "attention_soft_cap"},
        defaults={
            "tie_word_embeddings": True,
            "head_dim": 256,
            "query_pre_attn_scalar": 256,
            "final_logit_softcapping": None,
            "sliding_window": 4096,
            "sliding_window_pattern": 6,
        },
        understood=ACTIVATION | {"attn_logit_softcapping": (None,)},
        harmless=frozenset({"_sliding_window_pattern"}),
        sees_all=_sees_all,
        window_fields=frozenset({"sliding_window", "sliding_window_pattern"}),
        has_layer_types=True,
        written=lambda config: {"hidden_activation": "gelu_pytorch_tanh", "sliding_window": config.window},
        rope_theta=1_000_000.0,
        local_rope_theta=10_000.0,
    )
)
