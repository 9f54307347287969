"""Rows: vocabularies, the layout of streams in fixed-length rows, their order, their store, and the ledger."""

from jaxmlda.rows.store import Rows, Source

__all__ = ["Rows", "Source"]
