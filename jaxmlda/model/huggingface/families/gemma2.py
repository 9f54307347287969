"""Gemma 2: norms around both halves of a layer that multiply by 1 + w, soft caps, a window in every second layer."""

from jaxmlda.model.huggingface.family import Family, norms, register

AROUND = norms(
    attention_norm="input_layernorm",
    attention_out_norm="post_attention_layernorm",
    mlp_norm="pre_feedforward_layernorm",
    mlp_out_norm="post_feedforward_layernorm",
)
ALWAYS = {"norms": "both", "norm_offset": True, "activation": "gelu_tanh", "scaled_embeddings": True}
FIELDS = {
    "query_scalar": "query_pre_attn_scalar",
    "logit_soft_cap": "final_logit_softcapping",
    "attention_soft_cap": "attn_logit_softcapping",
}
# transformers reads hidden_activation alone, and leaves what the older hidden_act says aside.
ACTIVATION = {"hidden_act": ("gelu_pytorch_tanh", "gelu", None), "hidden_activation": ("gelu_pytorch_tanh", None)}

register(
    Family(
        architecture="Gemma2ForCausalLM",
        model_type="gemma2",
        norms=AROUND,
        always=ALWAYS,
        fields=FIELDS,
        defaults={
            "tie_word_embeddings": True,
            "head_dim": 256,
            "query_pre_attn_scalar": 256,
            "final_logit_softcapping": 30.0,
            "attn_logit_softcapping": 50.0,
            "sliding_window": 4096,
        },
        understood=ACTIVATION,
        harmless=frozenset({"sliding_window_size"}),
        sees_all=lambda layer, stored: layer % 2 == 1,
        window_fields=frozenset({"sliding_window"}),
        has_layer_types=True,
        written=lambda config: {"hidden_activation": "gelu_pytorch_tanh", "sliding_window": config.window},
    )
)
