"""AdaXEval: questions made from the training corpus itself, through gates, with a card that says what they measure."""

from jaxmlda.adaxeval.card import card
from jaxmlda.adaxeval.gates import faults
from jaxmlda.adaxeval.gold import from_world

__all__ = ["card", "faults", "from_world"]
