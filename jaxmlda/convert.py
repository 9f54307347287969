"""The door of `python -m jaxmlda.convert`."""

from jaxmlda.verbs.command import main
from jaxmlda.verbs.convert import run

if __name__ == "__main__":
    main(run)
