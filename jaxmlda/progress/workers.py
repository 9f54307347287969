"""How worker processes behave: the parent alone hears the interrupt, and they never outlive it."""

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait

ORPHANED = 1


def begin() -> None:
    """To be called first in every worker. One whose parent was killed ends at once, in the middle of its work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(ORPHANED)
