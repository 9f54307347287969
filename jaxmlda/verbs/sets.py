"""Question files named on a command line or in a run file: files as they are, folders with all their .jsonl files."""

from etils import epath

from jaxmlda.errors import UserError
from jaxmlda.questions import Question, jsonl


def question_files(paths: list[str]) -> list[epath.Path]:
    """The files, folders opened; two files of one name would write one table, so that is an error."""
    files: list[epath.Path] = []
    for path in map(epath.Path, paths):
        found = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
        if not found:
            raise UserError(f"{path}: holds no question file (*.jsonl)")
        files.extend(found)
    names = [file.stem for file in files]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"question files of one name: {', '.join(twice)}; rename one")
    return files


def read_sets(paths: list[str]) -> dict[str, list[Question]]:
    """Sets by name."""
    return {file.stem: jsonl.read(file) for file in question_files(paths)}
