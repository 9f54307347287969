"""The door of `python -m jaxmlda.adaxeval`."""

from jaxmlda.verbs.adaxeval import run
from jaxmlda.verbs.command import main

if __name__ == "__main__":
    main(run)
