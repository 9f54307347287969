"""The decoder: one Llama-family implementation in Flax NNX, its configuration, and the Hugging Face format."""

from jaxmlda.model.config import ModelConfig
from jaxmlda.model.decoder import Decoder

__all__ = ["Decoder", "ModelConfig"]
