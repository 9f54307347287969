"""The door of `python -m jaxmlda.probe`."""

from jaxmlda.verbs.command import main
from jaxmlda.verbs.probe import run

if __name__ == "__main__":
    main(run)
