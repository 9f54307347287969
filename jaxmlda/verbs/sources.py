"""What rows are made from: digests that tell whether rows, or a run, are of this configuration."""

from etils import epath

from jaxmlda.config import Recipe, Run, find, load
from jaxmlda.corpus import Trial, lexicon
from jaxmlda.errors import UserError
from jaxmlda.rows import Source
from jaxmlda.rows import vocabulary as vocabularies
from jaxmlda.storage import digest, read_json
from jaxmlda.streams import lexicons_of
from jaxmlda.verbs.draw import folders_of


def source_of(run: Run) -> Source:
    """Digests of corpus, trial, vocabulary, recipe and the settings of rows, as they are now."""
    recipe = load(Recipe, find(run.recipe, "recipes"))
    return Source(
        corpus=_corpus_digest(run.corpus),
        trial=Trial.read(run.trial).digest,
        vocabulary=vocabularies.load(run.vocabulary).digest,
        recipe=recipe.identity(),
        rows=run.rows.identity(),
        others=digest(_others(recipe, run)),
    )


def _corpus_digest(folder: str) -> str:
    card = epath.Path(folder) / "card.json"
    if not card.exists():
        raise UserError(f"corpus: {folder} holds no corpus (no card.json); make one with `jaxmlda corpus`")
    return read_json(card)["digest"]


def _others(recipe: Recipe, run: Run) -> dict[str, str]:
    """Digests of the other corpora, and of the lexicons, that streams draw from."""
    folders = folders_of(recipe, run)
    found = {name: _corpus_digest(folder) for name, folder in folders.items() if name is not None}
    for stream in recipe.streams:
        find_lexicon = lexicon.finder(folders[stream.corpus])
        for name in lexicons_of(stream.kind, stream.options):
            found[f"{stream.name}/{name}"] = find_lexicon(name).digest
    return found


def check_source(rows: epath.Path, made: dict[str, str], now: Source) -> None:
    """Rows made from anything else are refused, never replaced."""
    for name, value in now._asdict().items():
        if made.get(name) != value:
            raise UserError(
                f"{rows}: made with {'other corpora or lexicons' if name == 'others' else f'another {name}'} (digest "
                f"{made.get(name)}, now {value}); delete the folder, or choose another output"
            )
