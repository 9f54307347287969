"""Text from anywhere, made fit for a page: nothing in it can end a tag, a script or a figure's label.

In: any text or object. Out: text for a template, JSON for a script element, labels for plotly.
"""

import html
import json
import math
import re
from typing import Any

_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def text(value: Any) -> str:
    """The value as text that UTF-8 and HTML can hold: lone surrogates and control characters become
    U+FFFD.
    """
    return _UNFIT.sub("\ufffd", str(value))


def script_json(value: Any) -> str:
    """JSON that may stand inside a script element: <, >, & and the line separators are written as escapes."""
    written = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda match: _SCRIPT[match.group()], written)


def plain(value: Any) -> Any:
    """The value with safe text, numbers that JSON knows (others become null), and nothing but JSON's
    types.
    """
    if isinstance(value, dict):
        return {text(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int)):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return text(value)


def label(value: Any) -> str:
    """Text for a plotly label, which reads a few HTML tags: they are escaped."""
    return html.escape(text(value), quote=False)
