"""From score tables to effects with their intervals: pure functions of numpy arrays, no framework.

In: the score tables of a run folder and the trial. Out: rows of every registered measure, and flags.
"""

from jaxmlda.dynamics.registry import Flag, analyse, flag_rules, measures
from jaxmlda.dynamics.scores import Scores, load
from jaxmlda.dynamics.study import Cell, Study, study

__all__ = ["Cell", "Flag", "Scores", "Study", "analyse", "flag_rules", "load", "measures", "study"]
