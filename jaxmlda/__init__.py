"""jaxmlda: what a language model learned while it was adapted to a bilingual domain, and how sure that is."""

__version__ = "0.1.0"
