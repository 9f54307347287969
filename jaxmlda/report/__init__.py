"""One offline page that says what was learned, in which language, whether it crossed, and how sure that is.

In: runs as `RunData` (score tables, trial, questions, metrics). Out: index.html, summary.json,
effects.parquet, curves.csv.
"""

from jaxmlda.report.data import RunData
from jaxmlda.report.page import build

__all__ = ["RunData", "build"]
