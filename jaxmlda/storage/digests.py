"""Digests of objects and files, and keyed hashes: the same on every machine, version and day."""

import hashlib
import json
from typing import Any

from etils import epath

LENGTH = 16


def digest(value: Any) -> str:
    """First 16 hex characters of the sha256 of bytes, or of an object's canonical JSON."""
    if not isinstance(value, bytes):
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        value = text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(value).hexdigest()[:LENGTH]


def file_digest(path: epath.PathLike) -> str:
    """First 16 hex characters of the sha256 of a file's bytes, read in blocks."""
    state = hashlib.sha256()
    with epath.Path(path).open("rb") as stream:
        while block := stream.read(1 << 20):
            state.update(block)
    return state.hexdigest()[:LENGTH]


def keyed(*parts: int | str) -> int:
    """A 64-bit hash of the parts in order; parts cannot run into one another."""
    # A separator within a part is doubled; one that stands alone is always followed by the name of a type.
    text = "\x1f".join(f"{type(part).__name__}:{part}".replace("\x1f", "\x1f\x1f") for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
