"""The numbers that define a decoder. In: a YAML mapping or a `config.json`; out: a checked, frozen configuration."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(gt=0)]


class ModelConfig(BaseModel):
    """A Llama-family decoder: RMSNorm, rotary positions, grouped-query attention, SwiGLU."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vocab_size: Positive
    hidden_size: Positive
    mlp_size: Positive
    layers: Positive
    heads: Positive
    kv_heads: Positive
    head_size: Positive
    max_positions: Positive
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-5
    tied_embeddings: bool = False

    @model_validator(mode="after")
    def _shapes_fit(self) -> "ModelConfig":
        if self.heads % self.kv_heads:
            raise ValueError(f"heads ({self.heads}) must be a multiple of kv_heads ({self.kv_heads})")
        if self.head_size % 2:
            raise ValueError(f"head_size ({self.head_size}) must be even, rotary positions turn pairs")
        return self

    def parameters(self) -> int:
        """Number of parameters, embeddings included."""
        attention = self.hidden_size * self.head_size * (2 * self.heads + 2 * self.kv_heads)
        mlp = 3 * self.hidden_size * self.mlp_size
        tables = self.vocab_size * self.hidden_size * (1 if self.tied_embeddings else 2)
        return self.layers * (attention + mlp + 2 * self.hidden_size) + self.hidden_size + tables

    def flops_per_token(self, sequence_length: int) -> float:
        """Training FLOPs a token: 6 N without the embedding look-up, plus causal attention 6 l h d L (half of 12)."""
        embedding = 0 if self.tied_embeddings else self.vocab_size * self.hidden_size
        attention = 6 * self.layers * self.heads * self.head_size * sequence_length
        return 6 * (self.parameters() - embedding) + attention
