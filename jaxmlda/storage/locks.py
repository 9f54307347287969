"""One process at a time in a folder. The lock goes when its last holder does, however it ends."""

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from jaxmlda.errors import UserError

log = logging.getLogger("jaxmlda.storage")


@contextlib.contextmanager
def lock(folder: str | os.PathLike[str], *, wait: bool = False, inherit: bool = False) -> Iterator[None]:
    """Holds `folder/.lock`; held by another, waits or says by whom. Children share an inherited lock.

    A folder in a bucket has no locks: its runs are told apart by who launched them.
    """
    if str(folder).startswith("gs://"):
        yield
        return
    path = Path(folder) / ".lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        os.set_inheritable(stream.fileno(), inherit)
        _take(stream, folder, wait)
        stream.seek(0)
        stream.truncate()
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        yield


def _take(stream: TextIO, folder: str | os.PathLike[str], wait: bool) -> None:
    """Takes the lock now; held by another, waits with a word about it, or refuses."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.seek(0)
        holder = stream.read().strip() or "unknown"
        if not wait:
            raise UserError(f"{folder}: process {holder} is at work in this folder; wait for it, or end it") from None
        log.warning("%s: work begun by process %s is still going on there; waiting for it to end", folder, holder)
        fcntl.flock(stream, fcntl.LOCK_EX)
