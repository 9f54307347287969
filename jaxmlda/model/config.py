"""The numbers that define a decoder. In: a YAML mapping or a `config.json`; out: a checked, frozen configuration."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from jaxmlda.model.rope import Above, Positive, RopeScaling


class ModelConfig(BaseModel):
    """A decoder: RMSNorm, rotary positions, grouped-query attention, gated MLP, and what its families add."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    vocab_size: Positive
    hidden_size: Positive
    mlp_size: Positive
    layers: Positive
    heads: Positive
    kv_heads: Positive
    head_size: Positive
    max_positions: Positive
    rope_theta: Above = 10_000.0
    rope_scaling: RopeScaling | None = None
    local_rope_theta: Above | None = None
    norm_eps: Above = 1e-5
    norms: Literal["before", "after", "both"] = "before"
    norm_offset: bool = False
    activation: Literal["silu", "gelu_tanh"] = "silu"
    qkv_bias: bool = False
    qk_norm: Literal["none", "head", "width"] = "none"
    query_scalar: Positive | None = None
    window: Positive | None = None
    full_layers: tuple[Annotated[int, Field(ge=0)], ...] = ()
    attention_soft_cap: Above | None = None
    logit_soft_cap: Above | None = None
    scaled_embeddings: bool = False
    tied_embeddings: bool = False

    @model_validator(mode="after")
    def _shapes_fit(self) -> "ModelConfig":
        if self.heads % self.kv_heads:
            raise ValueError(f"heads ({self.heads}) must be a multiple of kv_heads ({self.kv_heads})")
        if self.head_size % 2:
            raise ValueError(f"head_size ({self.head_size}) must be even, rotary positions turn pairs")
        if self.rope_scaling is not None and self.rope_scaling.kind == "yarn" and self.rope_theta <= 1:
            raise ValueError(f"rope_theta ({self.rope_theta}) must be above 1, yarn divides by its logarithm")
        if self.window is None and (self.full_layers or self.local_rope_theta):
            raise ValueError("full_layers and local_rope_theta need a window, which the other layers have")
        if list(self.full_layers) != sorted({one for one in self.full_layers if one < self.layers}):
            raise ValueError(f"full_layers {list(self.full_layers)} must rise and be below layers ({self.layers})")
        return self

    def windows(self) -> list[int | None]:
        """The window of every layer, None where it sees its whole segment."""
        return [None if layer in self.full_layers else self.window for layer in range(self.layers)]

    def parameters(self) -> int:
        """Number of parameters, embeddings included."""
        queries, keys = self.heads * self.head_size, self.kv_heads * self.head_size
        attention = 2 * self.hidden_size * (queries + keys) + (queries + 2 * keys) * self.qkv_bias
        attention += {"none": 0, "head": 2 * self.head_size, "width": queries + keys}[self.qk_norm]
        norms = (4 if self.norms == "both" else 2) * self.hidden_size
        tables = self.vocab_size * self.hidden_size * (1 if self.tied_embeddings else 2)
        layer = attention + 3 * self.hidden_size * self.mlp_size + norms
        return self.layers * layer + self.hidden_size + tables

    def flops_per_token(self, sequence_length: int) -> float:
        """Training FLOPs a token: 6 N without the embedding look-up, plus 12 h d for every key that it sees."""
        embedding = 0 if self.tied_embeddings else self.vocab_size * self.hidden_size
        attention = sum(12 * self.heads * self.head_size * _keys(sequence_length, window) for window in self.windows())
        return 6 * (self.parameters() - embedding) + attention


def _keys(length: int, window: int | None) -> float:
    """Keys that a token sees on average: half a row, or a window that is not yet full at the row's start."""
    seen = length if window is None else min(window, length)
    return seen - seen**2 / (2 * length)
