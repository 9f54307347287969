"""Damage done to valid files, the same for a seed, and what must hold however a file is damaged.

In: a format, a number; out: the damaged file's `Outcome`, in which `problems` lists everything that does not hold.
"""

import contextlib
import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from formats_case import SAMPLES

from jaxmlda.corpus import inputs
from jaxmlda.corpus.clean import Rules
from jaxmlda.corpus.intake import gather, items
from jaxmlda.corpus.join import Join
from jaxmlda.errors import UserError

RECORDS = 8
JSON_LINES = ("jsonl", "jstage", "jstage_raw", "pubmed_jsonl")
Mutation = Callable[[bytes, random.Random], bytes]


class Outcome(NamedTuple):
    """What came of one damaged file."""

    mutations: tuple[str, ...]
    counts: dict
    refused: str
    problems: list[str]


def place(data: bytes, chance: random.Random) -> int:
    return chance.randrange(len(data) + 1)


def put(data: bytes, chance: random.Random, what: bytes) -> bytes:
    """Something at a random place."""
    at = place(data, chance)
    return data[:at] + what + data[at:]


def truncation(data: bytes, chance: random.Random) -> bytes:
    return data[: place(data, chance)]


def hole(data: bytes, chance: random.Random) -> bytes:
    at = place(data, chance)
    return data[:at] + data[at + chance.randrange(1, 60) :]


def broken_utf8(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randrange(1, 4)):
        data = put(data, chance, chance.choice([b"\xff", b"\xe4\xba", b"\xed\xa0\x80", b"\xc0\x80"]))
    return data


def flipped(data: bytes, chance: random.Random) -> bytes:
    found = bytearray(data or b"x")
    for _ in range(chance.randrange(1, 9)):
        found[chance.randrange(len(found))] = chance.randrange(256)
    return bytes(found)


def columns(data: bytes, chance: random.Random) -> bytes:
    """A delimiter too many, or one too few."""
    delimiter = chance.choice([b"\t", b",", b"|||", b'"', b":", b">"])
    spots = [spot.start() for spot in re.finditer(re.escape(delimiter), data)]
    if spots and chance.random() < 0.5:
        at = chance.choice(spots)
        return data[:at] + data[at + len(delimiter) :]
    return put(data, chance, delimiter)


def nulls(data: bytes, chance: random.Random) -> bytes:
    """A string of JSON made null, a number, a list; or NUL bytes."""
    spots = list(re.finditer(rb'"[^"\\]*"', data))
    if not spots or chance.random() < 0.2:
        return put(data, chance, b"\0" * chance.randrange(1, 5))
    spot = chance.choice(spots)
    value = chance.choice([b"null", b"1e999", b"NaN", b"[]", b"{}", b'[null, 3, "x"]', b"true", b'"\\ud800"', b'""'])
    return data[: spot.start()] + value + data[spot.end() :]


def huge(data: bytes, chance: random.Random) -> bytes:
    return put(
        data, chance, chance.choice([b"x", "亜".encode(), b"9", b" ", b"&amp;"]) * chance.randrange(10_000, 90_000)
    )


def nested(data: bytes, chance: random.Random) -> bytes:
    depth = chance.choice([2, 50, 5_000])
    opened, closed = chance.choice([(b"<b>", b"</b>"), (b"[", b"]"), (b'{"a":', b"}"), (b"<![CDATA[", b"]]>")])
    return put(data, chance, opened * depth + b"x" + closed * chance.choice([depth, depth - 1]))


def duplicated(data: bytes, chance: random.Random) -> bytes:
    """A line twice, sometimes with another text."""
    lines = data.split(b"\n")
    line = chance.choice(lines)
    other = line.replace(b"taste", b"smell").replace("味覚".encode(), "嗅覚".encode())
    lines.insert(chance.randrange(len(lines) + 1), chance.choice([line, other]))
    return b"\n".join(lines)


def swapped(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines)


def crlf(data: bytes, chance: random.Random) -> bytes:
    return data.replace(b"\n", chance.choice([b"\r\n", b"\r", b"\n\n", b"\r\r\n"]))


def mark(data: bytes, chance: random.Random) -> bytes:
    return b"\xef\xbb\xbf" * chance.randrange(1, 3) + data


def utf16(data: bytes, chance: random.Random) -> bytes:
    return data.decode("utf-8", "replace").encode("utf-16")


def gzipped(data: bytes, chance: random.Random) -> bytes:
    packed = gzip.compress(data, mtime=0)
    return chance.choice([packed, truncation(packed, chance), flipped(packed, chance), packed + b"tail"])


def zstandardised(data: bytes, chance: random.Random) -> bytes:
    packed = zstandard.compress(data)
    return chance.choice([packed, truncation(packed, chance), flipped(packed, chance), packed + b"tail"])


TEXT = (truncation, hole, broken_utf8, flipped, columns, nulls, huge, nested, duplicated, swapped, crlf, mark, utf16)
PACKED = (gzipped, zstandardised)


def mutated(data: bytes, chance: random.Random) -> tuple[tuple[str, ...], bytes]:
    """One to three kinds of damage, sometimes a damaged compression around it."""
    chosen = [chance.choice(TEXT) for _ in range(chance.randrange(1, 4))]
    chosen += [chance.choice(PACKED)] if chance.random() < 0.15 else []
    for mutation in chosen:
        data = mutation(data, chance)
    return tuple(mutation.__name__ for mutation in chosen), data


def mutated_table(data: bytes, chance: random.Random) -> tuple[tuple[str, ...], bytes]:
    """A Parquet file whose values are damaged, the file itself whole; written as Parquet or as either Arrow format."""
    rows = pq.read_table(pa.BufferReader(data)).to_pylist()
    kind = chance.choice(["strings", "bytes", "lists", "nested", "fewer columns", "empty"])
    for _ in range(chance.randrange(1, 6)):
        row = chance.choice(rows)
        row[chance.choice(["id", "en", "ja"])] = chance.choice(
            [None, "", "x", "9" * 50_000, "a\0b\u2028", rows[0]["en"]]
        )
    for row in rows:
        for name in ("en", "ja") if kind == "lists" else ():
            row[name] = [row[name]]
        if kind == "nested":
            row["translation"] = {"en": row.pop("en"), "ja": row.pop("ja")}
        if kind == "fewer columns":
            row.pop(chance.choice(["en", "ja", "year"]), None)
    table = pa.Table.from_pylist([] if kind == "empty" else rows)
    if kind == "bytes":
        broken = pa.array([b"\xff" if n == 1 else b"Zinc is needed." for n in range(len(rows))], pa.binary())
        table = table.set_column(table.schema.get_field_index("en"), "en", broken.view(pa.string()))
    return (f"table of {kind}",), _stored(table, chance)


def _stored(table: pa.Table, chance: random.Random) -> bytes:
    sink = pa.BufferOutputStream()
    way = chance.choice([pq.write_table, "stream", "file"])
    if callable(way):
        way(table, sink)
    else:
        opened = pa.ipc.new_stream if way == "stream" else pa.ipc.new_file
        with opened(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue().to_pybytes()


def outcome(format: str, number: int, folder: Path) -> Outcome:
    """The damaged file of a format and number, read and joined as `corpus read` does."""
    chance = random.Random(f"{format} {number}")
    path = SAMPLES[format](folder, RECORDS)[0]
    of_values = format == "huggingface" and chance.random() < 0.7
    kinds, data = (mutated_table if of_values else mutated)(path.read_bytes(), chance)
    if of_values and chance.random() < 0.3:
        kinds, data = (*kinds, "flipped"), flipped(data, chance)
    path.write_bytes(data)
    source = inputs.make(format, [str(path)], {})
    with contextlib.closing(Join(folder / "join.sqlite")) as join:
        try:
            gathering = gather(items([source]), join, folder / "quarantine.jsonl", Rules(), max_bad=1.0)
        except UserError as error:
            return Outcome(kinds, {}, str(error), [] if path.name in str(error) else [f"names no file: {error}"])
        documents = list(join)
        problems = [*broken_counts(gathering.counts(), folder, len(documents)), *broken_lines(format, data, gathering)]
        if len({document.id for document in documents}) < len(documents):
            problems.append("an id stands twice")
    return Outcome(kinds, gathering.counts(), "", problems)


def broken_counts(counts: dict, folder: Path, documents: int) -> list[str]:
    """What does not add up, or is missing in the quarantine file."""
    problems = []
    if counts["records"] != sum(counts[name] for name in ("read", "merged", "superseded", "filtered", "quarantined")):
        problems.append(f"counts do not add up: {counts}")
    if counts["read"] != documents:
        problems.append(f"{documents} documents, {counts['read']} are counted")
    told = [json.loads(line) for line in (folder / "quarantine.jsonl").read_bytes().splitlines()]
    if Counter(line["reason"] for line in told) != counts["reasons"]:
        problems.append(f"the quarantine file holds others than {counts['reasons']}")
    if not all(Path(line["file"]).parent == folder and line["line"] >= 1 for line in told):
        problems.append(f"the quarantine file names no place: {told}")
    return problems


def broken_lines(format: str, data: bytes, gathering: object) -> list[str]:
    """For formats with a record a line: whether every line that is not blank was counted, by counting again."""
    text = data.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xff\xfe", b"\xfe\xff"))
    if format not in JSON_LINES or text:
        return []
    lines = [
        line for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.decode("utf-8", "replace").strip()
    ]
    records = gathering.counts()["records"]
    return [] if len(lines) == records else [f"{len(lines)} lines that are not blank, {records} records"]
