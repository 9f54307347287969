"""What the tests of `prepare` share: tokenising without other processes, and corpora of small worlds."""

from pathlib import Path

from data_case import byte_tokenizer

from jaxmlda.corpus import assign, embedded, lexicon, write
from jaxmlda.corpus.trial import write_trial
from jaxmlda.verbs import tokenise
from jaxmlda.world import World

SHARES = {"en": 0.25, "ja": 0.25, "both": 0.1, "none": 0.15, "bridge": 0.25}


def in_this_process(patch) -> list:
    """Tokenises in this process from here on; gives the list of jobs, which grows as they are done."""
    done = []

    class Pool:
        def __init__(self, *_, **__):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def submit(self, function, job):
            done.append(job)
            return function(job)

    patch.setattr(tokenise, "ProcessPoolExecutor", Pool)
    patch.setattr(tokenise, "as_completed", lambda jobs: [])
    return done


def small_corpora(home: Path, documents: int) -> Path:
    """Corpora medical (with trial and lexicons), science and general, and a vocabulary of bytes."""
    worlds = {
        "medical": World(documents=documents),
        "science": World(documents=documents // 2, domain="science", names="general"),
        "general": World(documents=documents // 2, names="general"),
    }
    for name, world in worlds.items():
        write(embedded.documents(world, qa=False), home / name, {})
    write_trial(assign(embedded.documents(worlds["medical"]), SHARES, 0), home / "medical")
    for name in ("umls", "wordnet"):
        lexicon.write(lexicon.path_of(home / "medical", name), embedded.terms(worlds["medical"]))
    byte_tokenizer(home / "bytes")
    return home
