"""OLMo 2: norms after both halves of a layer, and norms of queries and keys over all heads together."""

from jaxmlda.model.huggingface.family import Family, norms, register

register(
    Family(
        architecture="Olmo2ForCausalLM",
        model_type="olmo2",
        norms=norms(attention_out_norm="post_attention_layernorm", mlp_out_norm="post_feedforward_layernorm"),
        always={"norms": "after", "qk_norm": "width"},
        defaults={"num_key_value_heads": None, "tie_word_embeddings": False},
        understood={"sliding_window": (None,)},
    )
)
