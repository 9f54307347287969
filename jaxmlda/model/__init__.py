"""The decoder: one implementation in Flax NNX, its configuration and kernels, and the Hugging Face format."""

import jaxmlda.model.kernels  # noqa: F401  the kernels register themselves
from jaxmlda.model.config import ModelConfig
from jaxmlda.model.decoder import Decoder

__all__ = ["Decoder", "ModelConfig"]
