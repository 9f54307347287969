"""The door of `python -m jaxmlda.prepare`."""

from jaxmlda.verbs.command import main
from jaxmlda.verbs.prepare import run

if __name__ == "__main__":
    main(run)
