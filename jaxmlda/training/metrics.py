"""The metrics file: one JSON object a step, appended as the run goes on, cut back to the step that a restart begins at."""

import json
from typing import Any

from etils import epath

from jaxmlda.storage import write_text


class MetricsFile:
    """`metrics.jsonl` of a run folder."""

    def __init__(self, path: epath.PathLike, step: int) -> None:
        self.path = epath.Path(path)
        kept = [line for line in self._lines() if json.loads(line)["step"] <= step]
        write_text(self.path, "".join(kept))
        self._stream = self.path.open("a")

    def _lines(self) -> list[str]:
        """Finished lines; a process that died while writing may have left half of one."""
        text = self.path.read_text() if self.path.exists() else ""
        return [line for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def add(self, values: dict[str, Any]) -> None:
        """Appends one step."""
        self._stream.write(json.dumps(values) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Closes the file."""
        self._stream.close()
