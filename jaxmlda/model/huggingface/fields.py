"""The fields of `config.json` that all families share: those we have too, those with one meaning, and the harmless."""

from typing import Any

# Our field → their field.
FIELDS = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "mlp_size": "intermediate_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "head_size": "head_dim",
    "max_positions": "max_position_embeddings",
    "norm_eps": "rms_norm_eps",
    "tied_embeddings": "tie_word_embeddings",
}
# Those that every file must have.
NEEDED = [
    FIELDS[name] for name in ("vocab_size", "hidden_size", "mlp_size", "layers", "heads", "max_positions", "norm_eps")
]
# Those that are read by rules of their own.
READ = frozenset({"rope_theta", "rope_scaling", "rope_parameters", "layer_types"})
# Their fields whose values could change the mathematics, and the values that do not.
UNDERSTOOD: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("silu", "swish"),
    "attention_bias": (False, None),
    "attention_dropout": (0.0, None),
    "mlp_bias": (False, None),
    "pretraining_tp": (1, None),
    "partial_rotary_factor": (1.0, None),
    "rope_interleaved": (False, None),
    "use_bidirectional_attention": (False, None),
    "is_encoder_decoder": (False, None),
    "add_cross_attention": (False, None),
    "use_mrope": (False, None),
}
# What libraries note for themselves.
NOTES = frozenset(
    {
        "_attn_implementation_autoset",
        "_commit_hash",
        "_name_or_path",
        "architectures",
        "attn_implementation",
        "bos_token_id",
        "chunk_size_feed_forward",
        "decoder_start_token_id",
        "dtype",
        "eos_token_id",
        "finetuning_task",
        "id2label",
        "initializer_range",
        "is_decoder",
        "is_llama_config",
        "label2id",
        "model_type",
        "pad_token_id",
        "prefix",
        "problem_type",
        "pruned_heads",
        "sep_token_id",
        "task_specific_params",
        "tf_legacy_loss",
        "tie_encoder_decoder",
        "tokenizer_class",
        "torch_dtype",
        "torchscript",
        "transformers.js_config",
        "transformers_version",
        "unsloth_fixed",
        "unsloth_version",
        "use_bfloat16",
    }
)
# Settings of generation, and of what a call gives back.
CALLS = frozenset(
    {
        "cache_implementation",
        "diversity_penalty",
        "do_sample",
        "early_stopping",
        "max_length",
        "min_length",
        "num_beams",
        "num_return_sequences",
        "output_attentions",
        "output_hidden_states",
        "output_scores",
        "remove_invalid_values",
        "repetition_penalty",
        "return_dict",
        "return_dict_in_generate",
        "temperature",
        "top_k",
        "top_p",
        "typical_p",
        "use_cache",
    }
)
HARMLESS = NOTES | CALLS
