"""Mistral: Llama with a window in every layer, or none."""

from jaxmlda.model.huggingface.families.llama import BEFORE
from jaxmlda.model.huggingface.family import Family, register

register(
    Family(
        architecture="MistralForCausalLM",
        model_type="mistral",
        norms=BEFORE,
        defaults={"tie_word_embeddings": False, "sliding_window": 4096},
        sees_all=lambda layer, stored: False,
        window_fields=frozenset({"sliding_window"}),
        written=lambda config: {"sliding_window": config.window},
    )
)
