"""Which files are read, in which format, with which options: words of the command line to checked inputs.

In: format names with paths, folders, globs; out: the files in a stable order, each with its reader. Nothing is read.
"""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from etils import epath
from pydantic import ValidationError

from jaxmlda.config.load import explain
from jaxmlda.corpus.clean import LANGUAGES
from jaxmlda.corpus.formats import READERS, Options, Reader
from jaxmlda.corpus.formats.compressed import SUFFIXES, unpacked
from jaxmlda.errors import UserError
from jaxmlda.storage import file_digest

MAGIC = re.compile(r"[*?\[]")


class Input(NamedTuple):
    """Files of one format with the options of that format, and what is said of records that do not say it."""

    reader: Reader
    files: list[epath.Path]
    options: Options
    source: str = ""
    licence: str = ""

    @property
    def every_file(self) -> list[epath.Path]:
        """Also the files that are read together with those that were named."""
        return [each for file in self.files for each in _together(file, self.reader)]

    def described(self, file: epath.Path) -> dict[str, Any]:
        """What the card keeps of a file: its format and digest, and the options that were given."""
        given = self.options.model_dump(exclude_unset=True, mode="json")
        given |= {name: value for name in ("source", "licence") if (value := getattr(self, name))}
        told = {"format": self.reader.name, "file": str(file), "bytes": file.stat().length, "digest": file_digest(file)}
        return told | ({"options": given} if given else {})


def make(format: str, paths: Iterable[str], options: dict[str, Any], source: str = "", licence: str = "") -> Input:
    """Checks one input; a wrong format, option or path is told before anything is read."""
    if format not in READERS:
        raise UserError(f"--format {format}: no such format; the formats are {', '.join(sorted(READERS))}")
    reader = READERS[format]
    refused = sorted(set(options) & set(Options.model_fields) - set(reader.takes))
    if refused:
        taken = ", ".join(_worded(name) for name in reader.takes) or "none of --column, --language, --min-score"
        raise UserError(f"{_worded(refused[0])}: format {format} does not use it; it takes {taken}")
    if options.get("language", "en") not in LANGUAGES:
        raise UserError(f"--language {options['language']}: one of {', '.join(LANGUAGES)} is needed")
    try:
        checked = reader.options.model_validate(options)
    except ValidationError as error:
        raise UserError(explain(error, reader.options, f"options of format {format}", {})) from None
    files = [file for path in paths for file in expand(path, reader)]
    twice = sorted({str(file) for file in files if files.count(file) > 1}) if len(set(files)) < len(files) else []
    if twice:
        raise UserError(f"{twice[0]}: is given twice; name it once")
    if not files:
        raise UserError(f"--format {format}: no file; give paths after it, as in --format {format} documents.jsonl")
    for file in map(str, files):
        if file != (shown := file.encode("utf-8", "replace").decode()):
            raise UserError(f"{shown}: its name is no UTF-8; rename it")
    files = list(dict.fromkeys(_together(file, reader)[0] for file in files))
    return Input(reader, files, checked, source, licence)


def apart(inputs: Iterable[Input]) -> None:
    """Refuses two files whose records would get the same ids, being made of the name of the file."""
    begun: dict[str, epath.Path] = {}
    for one in inputs:
        for file in one.files if one.reader.prefix else ():
            prefix = one.reader.prefix(file, one.options)
            first = file if prefix is None else begun.setdefault(prefix, file)
            if _whole(first) != _whole(file):
                raise UserError(
                    f"{first} and {file}: ids are made of the name of the file, those of both would begin with "
                    f"{prefix!r}; rename one of them"
                )


def _whole(path: epath.Path) -> str:
    return str(path) if "://" in str(path) else os.path.abspath(path)


def _together(file: epath.Path, reader: Reader) -> list[epath.Path]:
    """The files that are read together with one, the one to read first."""
    return (reader.files(file) if reader.files else []) or [file]


def _worded(option: str) -> str:
    return {"columns": "--column"}.get(option, "--" + option.replace("_", "-"))


def expand(word: str, reader: Reader) -> list[epath.Path]:
    """The files that a word names: a file, all files of a folder that end as the format's do, or a glob."""
    path = epath.Path(word)
    if path.is_dir():
        found = [file for file in _beneath(path) if unpacked(file.name).endswith(reader.suffixes or "")]
        if not found:
            kinds = " or ".join(reader.suffixes)
            raise UserError(f"{word}: no file in this folder ends in {kinds} (or {' or '.join(SUFFIXES)} after it)")
    elif path.exists():
        found = [path]
    elif MAGIC.search(word):
        found = _globbed(word)
    else:
        endings = [ending + packed for ending in reader.suffixes for packed in ("", *SUFFIXES)]
        found = [one for ending in endings if (one := epath.Path(word + ending)).exists()][:1]
        if not found:
            raise UserError(f"{word}: there is no such file or folder")
    return sorted(found, key=str)


def _beneath(folder: epath.Path) -> Iterator[epath.Path]:
    """Every file in a folder and its folders, hidden ones and links to folders left out: a link may lead back."""
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            yield path
        elif not os.path.islink(path):
            yield from _beneath(path)


def _globbed(word: str) -> list[epath.Path]:
    """Files of a glob; `**` is any number of folders, but in a bucket, where it would take for ever."""
    parts = word.split("/")
    plain = next(number for number, part in enumerate(parts) if MAGIC.search(part))
    if word.startswith("gs://"):
        if "**" in word:
            raise UserError(f"{word}: ** is not searched in a bucket; name the folder itself")
        named = epath.Path("/".join(parts[:plain])).glob("/".join(parts[plain:]))
    else:
        there = glob.glob(word, recursive=True)
        named = (epath.Path(file) for file in there if "**" not in word or not _by_link(file, plain))
    found = [file for file in named if file.is_file()]
    if not found:
        raise UserError(f"{word}: no file is named so")
    return found


def _by_link(file: str, plain: int) -> bool:
    """Whether a link to a folder leads to the file, below the first so many parts of its path."""
    parts = file.split("/")
    return any(os.path.islink("/".join(parts[:end])) for end in range(plain + 1, len(parts)))
