"""Meshes, the sharding table, and compiling ahead of time. The only room that knows where an array lives."""

from jaxmlda.parallel.ahead import Compiled, compile_for
from jaxmlda.parallel.mesh import AXES, batch_sharding, local_batch, make_mesh, replicated
from jaxmlda.parallel.table import param_shardings, spec_for

__all__ = [
    "AXES",
    "Compiled",
    "batch_sharding",
    "compile_for",
    "local_batch",
    "make_mesh",
    "param_shardings",
    "replicated",
    "spec_for",
]
