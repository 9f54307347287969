"""Valid files of every format with any number of records, for tests of readers and intake and for mutations of them."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import formats_case_b
import pyarrow as pa
import pyarrow.parquet as pq

EN, JA = "Zinc number {} is required for taste.", "亜鉛その{}は味覚に必要である。"


def jsonl_file(path: Path, records: list[Any]) -> Path:
    """A JSONL file."""
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def jstage_raw_record(n: int) -> dict[str, Any]:
    """One article in both languages."""

    def both(en: str, ja: str) -> list[dict[str, str]]:
        return [{"language": "en", "content": en}, {"language": "ja", "content": ja}]

    return {
        "articleId": {"journalCode": "exmed", "articleCode": f"12/3/12_3_{n}"},
        "publicationDate": {"year": 2011, "month": 3},
        "title": both(f"Zinc {n}", f"亜鉛 {n}"),
        "journalInfo": {"subjects": both("Clinical medicine", "臨床医学")},
        "keywords": both("zinc", "亜鉛"),
        "abstract": both(EN.format(n), JA.format(n)),
    }


def jstage_raw(folder: Path, count: int) -> list[Path]:
    """Articles as J-STAGE gives them."""
    return [jsonl_file(folder / "articles.jsonl", [jstage_raw_record(n) for n in range(count)])]


def jstage(folder: Path, count: int) -> list[Path]:
    """Both languages in one record, in either of two shapes."""
    shapes = (
        lambda n: {"docid": f"d{n}", "abstract_en": EN.format(n), "abstract_ja": JA.format(n), "title_en": f"Zinc {n}"},
        lambda n: {"docid": f"d{n}", "abstract": {"en": EN.format(n), "ja": JA.format(n)}, "subjects": None},
    )
    return [jsonl_file(folder / "abstracts.jsonl", [shapes[n % 2](n) for n in range(count)])]


def pubmed_jsonl(folder: Path, count: int) -> list[Path]:
    """The three shapes in turn."""
    shapes = (
        lambda n: {"pmid": f"9{n:07d}", "title": "Zinc", "abstract": EN.format(n), "mesh_terms": ["Zinc"]},
        lambda n: {"id": f"pubmed23n0001_{n}", "contents": EN.format(n)},
        lambda n: {"text": EN.format(n), "meta": {"pmid": 80000000 + n, "language": "eng"}},
    )
    return [jsonl_file(folder / "pubmed.jsonl", [shapes[n % 3](n) for n in range(count)])]


def jsonl(folder: Path, count: int) -> list[Path]:
    """Records with our own names."""
    records = [{"id": f"d{n}", "en": EN.format(n), "ja": JA.format(n), "year": 2020} for n in range(count)]
    return [jsonl_file(folder / "documents.jsonl", records)]


def csv_table(folder: Path, count: int) -> list[Path]:
    """A table of which every third text has a line end, and every fourth quotes."""
    path = folder / "documents.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["id", "en", "ja", "year"])
        for n in range(count):
            en = EN.format(n) + ("\nSecond line." if n % 3 == 0 else "") + (' It is "so".' if n % 4 == 0 else "")
            writer.writerow([f"d{n}", en, JA.format(n), 2020])
    return [path]


def huggingface(folder: Path, count: int) -> list[Path]:
    """A Parquet file of several row groups."""
    rows = [{"id": f"d{n}", "en": EN.format(n), "ja": JA.format(n), "year": 2020} for n in range(count)]
    schema = pa.schema([("id", pa.string()), ("en", pa.string()), ("ja", pa.string()), ("year", pa.int64())])
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / "part.parquet", row_group_size=4)
    return [folder / "part.parquet"]


SAMPLES: dict[str, Callable[[Path, int], list[Path]]] = {
    "jstage_raw": jstage_raw,
    "jstage": jstage,
    "pubmed_jsonl": pubmed_jsonl,
    "jsonl": jsonl,
    "csv": csv_table,
    "huggingface": huggingface,
    **formats_case_b.SAMPLES,
}
