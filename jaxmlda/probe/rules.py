"""Boundary rules: which tokens are fed to the model for a prompt, an answer and a rest, and which of them
are scored.

In: a vocabulary and three texts. Out: `Scored`, token ids with the places that count as the answer and as
the rest. Every sequence opens with BOS. Where a vocabulary has none, one with an empty prompt opens with
the end-of-document token, which is what stands before a text in training; token 0 is never scored, since
nothing predicts it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from jaxmlda.errors import UserError
from jaxmlda.rows.vocabulary import Vocabulary


@dataclass(frozen=True)
class Scored:
    """`answer` and `rest` index `ids`; `n_tok`, `n_char`, `n_byte` are what a sum is divided by."""

    ids: tuple[int, ...]
    answer: tuple[int, ...]
    rest: tuple[int, ...]
    n_tok: int
    n_char: int
    n_byte: int
    merged: bool
    truncated: bool = False


Rule = Callable[[Vocabulary, str, str, str], Scored]


def joint(vocabulary: Vocabulary, prompt: str, answer: str, rest: str) -> Scored:
    """Encode the whole string once; tokens that overlap the answer are scored as the answer, those after it
    as rest.

    `merged`: a token of the answer also covers a character of prompt or rest that is not white space (a
    piece that carries the space before its word is the ordinary case).
    """
    text = prompt + answer + rest
    start, end = len(prompt), len(prompt) + len(answer)
    encoded, offsets = vocabulary.encode_with_offsets(text)
    spans = _spread(offsets)
    opening = _opening(vocabulary, prompt)
    inside = [i for i, (a, b) in enumerate(spans) if a < end and b > start]
    behind = [i for i, (a, b) in enumerate(spans) if a >= end]
    places = tuple(i + len(opening) for i in inside if i + len(opening) > 0)
    return Scored(
        ids=(*opening, *encoded),
        answer=places,
        rest=tuple(i + len(opening) for i in behind if i + len(opening) > 0),
        n_tok=len(places),
        n_char=len(answer),
        n_byte=len(answer.encode()),
        merged=any(text[spans[i][0] : start].strip() or text[end : spans[i][1]].strip() for i in inside),
    )


def harness(vocabulary: Vocabulary, prompt: str, answer: str, rest: str) -> Scored:
    """The rule of EleutherAI's lm-evaluation-harness (`_encode_pair`).

    Trailing white space of the context moves to the continuation; continuation ids = enc(context +
    continuation) [len(enc(context)):]; fed are enc(context) + continuation ids. `n_char` leaves the moved
    white space out.
    """
    context = prompt.rstrip()
    return _cut(vocabulary, context, prompt[len(context) :] + answer + rest, answer + rest)


def published(vocabulary: Vocabulary, prompt: str, answer: str, rest: str) -> Scored:
    """The rule of the published study: continuation ids = tok(full)[len(tok(prompt)):], BOS included in
    tok().

    With an empty prompt BOS counts in the length although it is never scored.
    """
    scored = _cut(vocabulary, prompt, answer + rest, answer + rest)
    counts_bos = not prompt and vocabulary.bos_id is not None
    return replace(scored, n_tok=scored.n_tok + counts_bos)


RULES: dict[str, Rule] = {"joint": joint, "harness": harness, "published": published}


def by_name(name: str) -> Rule:
    """The rule of that name."""
    if name not in RULES:
        raise UserError(f"probe.rule: unknown boundary rule {name!r}; known are {', '.join(RULES)}.")
    return RULES[name]


def shares_ties(name: str) -> bool:
    """Whether m options tied at the top get 1/m each (`joint`) or the first one wins, as in the originals."""
    return name == "joint"


def truncate(scored: Scored, limit: int) -> Scored:
    """Cut from the left, behind the opening token, so that at most `limit` tokens are fed (the last never
    is).
    """
    excess = len(scored.ids) - 1 - limit
    if excess <= 0:
        return scored

    def kept(places: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(i - excess for i in places if i - excess > 0)

    return replace(
        scored,
        ids=scored.ids[:1] + scored.ids[1 + excess :],
        answer=kept(scored.answer),
        rest=kept(scored.rest),
        n_tok=scored.n_tok - (len(scored.answer) - len(kept(scored.answer))),
        truncated=True,
    )


def _cut(vocabulary: Vocabulary, context: str, continuation: str, counted: str) -> Scored:
    """Encode context and whole apart, and cut the whole at the length of the context."""
    before = vocabulary.encode(context) if context else []
    whole = vocabulary.encode(context + continuation)
    opening = _opening(vocabulary, context)
    tail = whole[len(before) :]
    ids = (*opening, *before, *tail)
    places = tuple(i for i in range(len(ids) - len(tail), len(ids)) if i > 0)
    return Scored(
        ids=ids,
        answer=places,
        rest=(),
        n_tok=len(places),
        n_char=len(counted),
        n_byte=len(counted.encode()),
        merged=whole[: len(before)] != before,
    )


def _opening(vocabulary: Vocabulary, prompt: str) -> tuple[int, ...]:
    if vocabulary.bos_id is not None:
        return (vocabulary.bos_id,)
    return () if prompt else (vocabulary.eos_id,)


def _spread(offsets: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Give a token of no width (a byte piece, the mark of a text's start) the span of the token it leads
    to.
    """
    spans = list(offsets)
    for i in range(len(spans) - 2, -1, -1):
        begin, end = spans[i]
        if begin == end and spans[i + 1][0] == begin:
            spans[i] = spans[i + 1]
    return spans
