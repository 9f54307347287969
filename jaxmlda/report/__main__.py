"""The door of `python -m jaxmlda.report`."""

from jaxmlda.verbs.command import main
from jaxmlda.verbs.report import run

if __name__ == "__main__":
    main(run)
