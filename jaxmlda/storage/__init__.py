"""Files: written whole or not at all, read with errors that name them, and the digests that tell them apart.

Paths are strings or path objects, local or `gs://`; both go through `etils.epath`.
"""

from jaxmlda.storage.digests import digest, file_digest, keyed
from jaxmlda.storage.files import (
    read_json,
    read_lines,
    read_table,
    replacing,
    write_json,
    write_table,
    write_text,
)
from jaxmlda.storage.locks import lock

__all__ = [
    "digest",
    "file_digest",
    "keyed",
    "lock",
    "read_json",
    "read_lines",
    "read_table",
    "replacing",
    "write_json",
    "write_table",
    "write_text",
]
