"""The door of `python -m jaxmlda.corpus`."""

from jaxmlda.verbs.command import main
from jaxmlda.verbs.corpus import run

if __name__ == "__main__":
    main(run)
