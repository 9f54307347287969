"""The Hugging Face format: a folder of safetensors with its `config.json`, read by slices and written.

What a family of models calls its fields and tensors is data, one file each in families/; no code of a folder is run.
"""

import jaxmlda.model.huggingface.families  # noqa: F401  the families register themselves
from jaxmlda.model.huggingface import check
from jaxmlda.model.huggingface.config import read_config, special_ids
from jaxmlda.model.huggingface.family import FAMILIES
from jaxmlda.model.huggingface.read import read_params, stored_dtype
from jaxmlda.model.huggingface.tokenizer import check_tokenizer
from jaxmlda.model.huggingface.write import write

__all__ = ["FAMILIES", "check", "check_tokenizer", "read_config", "read_params", "special_ids", "stored_dtype", "write"]
