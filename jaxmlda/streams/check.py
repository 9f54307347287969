"""Whether a recipe can be meant: kinds, options, languages and arms of its streams, before any text is made."""

from jaxmlda.config import Recipe, Stream
from jaxmlda.corpus.trial import OUTSIDE, PERMITTED
from jaxmlda.errors import UserError
from jaxmlda.streams.text import KINDS, bind


def check_recipe(recipe: Recipe) -> None:
    """Every stream by itself: its kind and options, then what its arms and the recipe's native languages allow."""
    for stream in recipe.streams:
        try:
            bind(stream.kind, tuple(stream.languages), stream.options, lambda name: None)
        except UserError as error:
            raise UserError(f"stream {stream.name}: {error}") from error
        _check_native(recipe, stream)
        if not recipe.allow_leak:
            _check_arms(stream)


def _check_native(recipe: Recipe, stream: Stream) -> None:
    """A document's group is what its arm permits of the native languages: other native text comes from outside."""
    foreign = sorted(set(stream.languages) - set(recipe.native_languages))
    if foreign and not KINDS[stream.kind].transfer and set(stream.arms) != {OUTSIDE}:
        raise UserError(
            f"stream {stream.name}: {', '.join(foreign)} is none of the recipe's native_languages "
            f"({', '.join(recipe.native_languages)}); name it there, or draw from the arm outside only"
        )


def _check_arms(stream: Stream) -> None:
    """A stream may use the languages that its arms permit; bridge documents are for transfer streams."""
    for arm in stream.arms:
        forbidden = sorted(set(stream.languages) - PERMITTED[arm])
        if forbidden:
            raise UserError(
                f"stream {stream.name}: documents of the arm {arm} may not be trained on in {', '.join(forbidden)}; "
                "change its arms or languages, or say allow_leak in the recipe"
            )
        if arm == "bridge" and not KINDS[stream.kind].transfer:
            raise UserError(
                f"stream {stream.name}: bridge documents are for transfer streams, and {stream.kind} is none; draw "
                "from another arm, or say allow_leak in the recipe"
            )
