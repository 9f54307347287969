"""How languages, forms, groups and numbers are written on the page."""

LANGUAGES = {"en": "English", "ja": "Japanese", "both": "both", "": "no language given"}
FORMS = {"mem": "cloze (memorisation)", "gen": "question (generalisation)"}
SHORT_FORMS = {"mem": "cloze", "gen": "question"}
GROUPS = {
    "en": "trained in English",
    "ja": "trained in Japanese",
    "both": "trained in both",
    "none": "control, not trained on",
    "en*": "arm English, not in this recipe (in control)",
    "ja*": "arm Japanese, not in this recipe (in control)",
    "both*": "arm both, one language in this recipe",
    "bridge": "bridge documents",
    "outside": "outside the trial",
}
COLOURS = {
    "en": "#0072B2",
    "ja": "#D55E00",
    "both": "#009E73",
    "none": "#000000",
    "en*": "#56B4E9",
    "ja*": "#E69F00",
    "both*": "#009E73",
    "bridge": "#CC79A7",
    "outside": "#CC79A7",
}
CLAIMS = {"up": "▲ shown", "down": "▼ loss shown", "none": "○ not shown", "few": "– too few documents"}
MEASURES = {
    "acquisition": "acquisition",
    "transfer": "transfer",
    "both": "both languages",
    "added": "added value of both",
    "change": "own change",
}
OUTCOMES = {
    "token": "accuracy by token",
    "sum": "accuracy by sum",
    "char": "accuracy by character",
    "byte": "accuracy by byte",
    "gold_probability": "probability of the gold option",
}


def language(code: str) -> str:
    """A language's name."""
    return LANGUAGES.get(code, code)


def form(code: str) -> str:
    """A form's name; a set without forms goes by its own name."""
    return FORMS.get(code, code)


def short_form(code: str) -> str:
    """A form's name in a table."""
    return SHORT_FORMS.get(code, code)


def group(code: str) -> str:
    """A group's name."""
    return GROUPS.get(code, code)


def cell(ask: str, form_code: str) -> str:
    """A cell's name."""
    return f"asked in {language(ask)}, {form(form_code)}"


def points(share: float | None) -> str:
    """A difference of shares in points with its sign; a dash where there is none."""
    return "–" if share is None else f"{100 * share:+.1f}".replace("-", "−")


def span(low: float | None, high: float | None) -> str:
    """An interval in points."""
    return "no interval" if low is None else f"{points(low)} to {points(high)}"


def percent(share: float | None) -> str:
    """A share in per cent."""
    return "–" if share is None else f"{100 * share:.1f} %"


def tokens(count: float) -> str:
    """A number of tokens, short."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{letter}"
    return f"{count:.0f}"
