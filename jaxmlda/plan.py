"""The door of `python -m jaxmlda.plan`."""

from jaxmlda.verbs.command import main
from jaxmlda.verbs.plan import run

if __name__ == "__main__":
    main(run)
