"""The door of `python -m jaxmlda.demo`."""

from jaxmlda.verbs.command import main
from jaxmlda.verbs.demo import run

if __name__ == "__main__":
    main(run)
