"""Meshes, the sharding tables, and compiling ahead of time. The only room that knows where an array lives."""

from jaxmlda.parallel.ahead import Compiled, TooLarge, compile_for, finished
from jaxmlda.parallel.kernels import sharded_kernel
from jaxmlda.parallel.mesh import AXES, batch_sharding, check_batch, local_batch, make_mesh, replicated, sharing
from jaxmlda.parallel.table import param_shardings, placed, placing, spec_for

__all__ = [
    "AXES",
    "Compiled",
    "TooLarge",
    "batch_sharding",
    "check_batch",
    "compile_for",
    "finished",
    "local_batch",
    "make_mesh",
    "param_shardings",
    "placed",
    "placing",
    "replicated",
    "sharded_kernel",
    "sharing",
    "spec_for",
]
