"""SeqIO Tasks and Mixtures: the public face of the data.

`register(recipe, corpus, trial, vocabulary)` adds the Tasks `jaxmlda.RECIPE.STREAM` and the Mixture `jaxmlda.RECIPE`;
afterwards `seqio.get_mixture_or_task("jaxmlda.RECIPE")` works as for any other SeqIO data. Importing this package
registers the embedded world's (`jaxmlda.world`) and no other.
"""

from seqio_tasks import world
from seqio_tasks.recipes import Drawn, register, task_name
from seqio_tasks.vocabulary import TextVocabulary

__all__ = ["Drawn", "TextVocabulary", "register", "task_name", "world"]
