"""What rows are made from: digests that tell whether rows, or a run, are of this configuration."""

from etils import epath

from jaxmlda.config import Recipe, Run, find, load
from jaxmlda.corpus import Trial
from jaxmlda.errors import UserError
from jaxmlda.rows import Source
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.storage import digest, read_json


def source_of(run: Run) -> Source:
    """Digests of corpus, trial, vocabulary, recipe and the settings of rows, as they are now."""
    card = epath.Path(run.corpus) / "card.json"
    if not card.exists():
        raise UserError(f"corpus: {run.corpus} holds no corpus (no card.json); make one with `jaxmlda corpus`")
    recipe = load(Recipe, find(run.recipe, "recipes"))
    return Source(
        corpus=read_json(card)["digest"],
        trial=Trial.read(run.trial).digest,
        vocabulary=vocabularies.load(run.vocabulary).digest,
        recipe=digest(recipe.model_dump(mode="json")),
        rows=digest(run.rows.model_dump(mode="json")),
    )


def check_source(rows: epath.Path, made: dict[str, str], now: Source) -> None:
    """Rows made from anything else are refused, never replaced."""
    for name, value in now._asdict().items():
        if made[name] != value:
            raise UserError(
                f"{rows}: made with another {name} (digest {made[name]}, now {value}); delete the folder, or choose "
                "another output"
            )
