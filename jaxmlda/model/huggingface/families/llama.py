"""Llama 2 and 3, and what shares their class: llm-jp-3, Swallow, SmolLM."""

from jaxmlda.model.huggingface.family import Family, norms, register

BEFORE = norms(attention_norm="input_layernorm", mlp_norm="post_attention_layernorm")

register(
    Family(
        architecture="LlamaForCausalLM",
        model_type="llama",
        norms=BEFORE,
        defaults={"num_key_value_heads": None, "tie_word_embeddings": False},
        understood={"sliding_window": (None,)},
    )
)
