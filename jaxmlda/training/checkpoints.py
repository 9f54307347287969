"""Checkpoints by Orbax: what science keeps (params, meta), and what resuming needs (params, optimizer, meta).

Each item is restored by itself, so a probe reads no optimizer state. A checkpoint that was not finished is not there.
"""

import contextlib
import hashlib
import logging
import shutil
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from etils import epath

from jaxmlda.errors import UserError
from jaxmlda.parallel.table import path_name
from jaxmlda.storage import read_json

SCIENCE, RESUME = "checkpoints", "resume"
log = logging.getLogger("jaxmlda.checkpoints")


def _places(shape: tuple[int, ...]) -> jax.Array:
    """The number of every element, counted row by row, modulo 2^32; never a flat copy, so no cut is undone."""
    place, stride = jnp.zeros(shape, jnp.uint32), 1
    for axis in reversed(range(len(shape))):
        place += jax.lax.broadcasted_iota(jnp.uint32, shape, axis) * jnp.uint32(stride % 2**32)
        stride *= shape[axis]
    return place


@jax.jit
def _checksums(params: Any) -> list[jax.Array]:
    """Two order-free sums of mixed (bits, place) of every leaf, modulo 2^32: the same however the leaf is cut."""

    def one(leaf: jax.Array) -> jax.Array:
        width = jnp.dtype(leaf.dtype).itemsize * 8
        bits = jax.lax.bitcast_convert_type(leaf, jnp.dtype(f"uint{width}")).astype(jnp.uint32)
        place = _places(leaf.shape)
        mixed = (bits ^ (place * jnp.uint32(0x9E3779B9))) * jnp.uint32(0x85EBCA6B)
        mixed = (mixed ^ (mixed >> 15)) * jnp.uint32(0xC2B2AE35)
        second = (mixed ^ (mixed >> 13) ^ place) * jnp.uint32(0x27D4EB2F)
        return jnp.stack([jnp.sum(mixed, dtype=jnp.uint32), jnp.sum(second ^ (second >> 16), dtype=jnp.uint32)])

    return [one(leaf) for leaf in jax.tree.leaves(params)]


def params_digest(params: Any) -> str:
    """A digest of names, shapes, formats and every bit of the parameters; nothing is gathered on one host."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    sums = jax.device_get(_checksums(params))
    state = hashlib.sha256()
    for (path, leaf), pair in zip(leaves, sums, strict=True):
        state.update(f"{path_name(path)} {leaf.shape} {leaf.dtype}".encode())
        state.update(np.asarray(pair).tobytes())
    return state.hexdigest()[:16]


def _manager(folder: epath.Path, keep: int | None) -> ocp.CheckpointManager:
    options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=True, enable_async_checkpointing=True)
    return ocp.CheckpointManager(folder.absolute(), options=options)


@contextlib.contextmanager
def _readable(what: str) -> Iterator[None]:
    """Turns what Orbax raises for files that it cannot read into one clear line."""
    try:
        yield
    except Exception as error:
        # For an array it is a bare Exception; other kinds, such as too little memory, are not the files' fault.
        if type(error) is not Exception and not isinstance(error, OSError | ValueError | KeyError):
            raise
        reason = str(error).partition("\n")[0][:200]
        raise UserError(f"{what} cannot be read, its files are torn or gone ({reason})") from error


class Checkpoints:
    """Both policies of one run folder."""

    def __init__(self, run: epath.PathLike, keep: int) -> None:
        self.home = epath.Path(run)
        self.science = _manager(self.home / SCIENCE, None)
        self.resume = _manager(self.home / RESUME, keep)
        self._restored: int | None = None

    def _check_room(self, *trees: Any) -> None:
        """Refuses to begin a checkpoint that the disk cannot hold; a bucket has no end."""
        if str(self.home).startswith("gs://"):
            return
        needed = sum(leaf.nbytes for tree in trees for leaf in jax.tree.leaves(tree))
        free = shutil.disk_usage(self.home).free
        if free < needed:
            raise UserError(
                f"{self.home}: a checkpoint of {needed / 1e6:,.1f} MB does not fit, {free / 1e6:,.1f} MB are free; "
                "free space and call again: the run goes on from its last resume checkpoint"
            )

    def save_science(self, step: int, params: Any, meta: dict[str, Any]) -> None:
        """Keeps a step for ever; a step that is there already is left as it is."""
        if step not in self.science.all_steps():
            self._check_room(params)
            items = ocp.args.Composite(params=ocp.args.StandardSave(params), meta=ocp.args.JsonSave(meta))
            self.science.save(step, args=items, force=True)

    def save_resume(self, step: int, params: Any, optimizer: Any, meta: dict[str, Any]) -> None:
        """Keeps all that training needs to go on from a step; one of this step or beyond it is torn, and goes."""
        # What science keeps must be on disk first: a run that goes on from here never passes those steps again.
        self.science.wait_until_finished()
        if step == self._restored:
            return
        self._check_room(params, optimizer)
        for torn in [other for other in self.resume.all_steps() if other >= step]:
            self.resume.delete(torn)
        items = ocp.args.Composite(
            params=ocp.args.StandardSave(params),
            optimizer=ocp.args.StandardSave(optimizer),
            meta=ocp.args.JsonSave(meta),
        )
        self.resume.save(step, args=items, force=True)

    def latest(self, params: Any, optimizer: Any) -> tuple[int, Any, Any] | None:
        """The newest resume checkpoint that can be read: (step, params, optimizer); torn ones are named."""
        for step in sorted(self.resume.all_steps(), reverse=True):
            items = ocp.args.Composite(
                params=ocp.args.StandardRestore(params), optimizer=ocp.args.StandardRestore(optimizer)
            )
            try:
                with _readable(f"resume checkpoint {step}"):
                    found = self.resume.restore(step, args=items)
            except UserError as error:
                log.warning("%s; taking the one before", error)
                continue
            self._restored = step
            return step, found["params"], found["optimizer"]
        return None

    def wait(self) -> None:
        """Returns when everything handed over is on disk."""
        self.science.wait_until_finished()
        self.resume.wait_until_finished()

    def close(self) -> None:
        """Waits, then lets go of the folders."""
        self.wait()
        self.science.close()
        self.resume.close()


def write_one(folder: epath.PathLike, params: Any, meta: dict[str, Any]) -> None:
    """One science checkpoint by itself, outside any run."""
    with ocp.Checkpointer(ocp.CompositeCheckpointHandler()) as writer:
        items = ocp.args.Composite(params=ocp.args.StandardSave(params), meta=ocp.args.JsonSave(meta))
        writer.save(epath.Path(folder).absolute(), args=items)


def steps_in(run: epath.PathLike) -> list[int]:
    """The finished science checkpoints of a run folder."""
    home = epath.Path(run) / SCIENCE
    if not home.exists():
        raise UserError(f"{run}: no checkpoints/ in this folder; give a run folder that `jaxmlda train` made")
    return sorted(int(path.name) for path in home.iterdir() if path.name.isdigit() and (path / "meta").exists())


def read_meta(checkpoint: epath.PathLike) -> dict[str, Any]:
    """The meta item of one checkpoint folder."""
    path = epath.Path(checkpoint) / "meta" / "metadata"
    if not path.exists():
        raise UserError(f"{checkpoint}: no checkpoint of jaxmlda, or one that was never finished (no meta)")
    return read_json(path)


def read_params(checkpoint: epath.PathLike, abstract: Any) -> Any:
    """The params item alone, straight to the shardings and formats of `abstract`; shapes must be the model's."""
    path = (epath.Path(checkpoint) / "params").absolute()
    with contextlib.closing(ocp.StandardCheckpointHandler()) as reader:
        with _readable(str(checkpoint)):
            found = _shapes(reader.metadata(path).tree)
        wanted = _shapes(abstract)
        if found != wanted:
            name = min(set(found.items()) ^ set(wanted.items()))[0]
            raise UserError(
                f"{checkpoint}: of another model: {name} is {found.get(name, 'missing')} there, "
                f"{wanted.get(name, 'missing')} in the model asked for"
            )
        with _readable(str(checkpoint)):
            return reader.restore(path, args=ocp.args.StandardRestore(abstract))


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    return {path_name(keys): tuple(leaf.shape) for keys, leaf in jax.tree_util.tree_leaves_with_path(tree)}
