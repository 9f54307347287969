"""The door of `python -m jaxmlda.train`."""

from jaxmlda.verbs.command import main
from jaxmlda.verbs.train import run

if __name__ == "__main__":
    main(run)
