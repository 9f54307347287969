"""Tiny random models of transformers with sharp weights: every family, and what its configuration may say."""

import torch
import transformers

SMALL = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 56,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "attn_implementation": "eager",
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
YARN = {"rope_type": "yarn", "rope_theta": 1000.0, "factor": 4.0, "original_max_position_embeddings": 16}
LINEAR = {"rope_type": "linear", "rope_theta": 1000.0, "factor": 4.0}
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 1000.0, "factor": 4.0}
GEMMA = {"head_dim": 8, "query_pre_attn_scalar": 24, "tie_word_embeddings": True, "sliding_window": 7}
GEMMA3_ROPE = {
    "full_attention": {"rope_type": "linear", "rope_theta": 5000.0, "factor": 8.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
}
FAMILIES = {
    "Llama 2": ("Llama", {"num_key_value_heads": 4}),
    "Llama 3": ("Llama", {"rope_parameters": LLAMA3, "head_dim": 16}),
    "Llama, linear positions": ("Llama", {"rope_parameters": LINEAR}),
    "Llama, dynamic positions": ("Llama", {"rope_parameters": DYNAMIC}),
    "Llama, positions by yarn": ("Llama", {"rope_parameters": YARN, "head_dim": 32}),
    "SmolLM": ("Llama", {"tie_word_embeddings": True}),
    "Mistral": ("Mistral", {"sliding_window": 9}),
    "Mistral, no window": ("Mistral", {"sliding_window": None, "head_dim": 16}),
    "Qwen2": ("Qwen2", {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}),
    "Qwen2, windows above": ("Qwen2", {"use_sliding_window": True, "sliding_window": 9, "max_window_layers": 1}),
    "Qwen3": ("Qwen3", {"head_dim": 12}),
    "Qwen3 by yarn": ("Qwen3", {"head_dim": 16, "rope_parameters": YARN, "tie_word_embeddings": True}),
    "Gemma 2": ("Gemma2", GEMMA | {"final_logit_softcapping": 8.0, "attn_logit_softcapping": 3.0}),
    "Gemma 3": ("Gemma3", GEMMA | {"rope_parameters": GEMMA3_ROPE, "num_hidden_layers": 7}),
    "OLMo 2": ("Olmo2", {}),
}


def tiny(name, seed=0):
    """A random float32 model of a family whose logits lie far apart; norms are not 1, biases not 0."""
    kind, changes = FAMILIES[name]
    torch.manual_seed(seed)
    text = "Text" if kind == "Gemma3" else ""
    config = getattr(transformers, f"{kind}{text}Config")(**SMALL | changes)
    config.pad_token_id = None
    model = getattr(transformers, f"{kind}ForCausalLM")(config).float().eval()
    with torch.no_grad():
        for path, weight in model.named_parameters():
            centre = 0.0 if kind.startswith("Gemma") else 1.0
            noise = torch.randn_like(weight)
            weight.copy_(centre + 0.3 * noise if "norm" in path else 0.2 * noise)
    return model
