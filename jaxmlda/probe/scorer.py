"""The scorer: log-probabilities of the edges of packed trees, one compiled function for every batch of
every set.

In: parameters and a `Plan`. Out: one float32 sum per slot. All batches are dispatched before anything is
fetched.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from jaxmlda.errors import UserError
from jaxmlda.model import Decoder
from jaxmlda.parallel import batch_sharding, finished, local_batch, param_shardings, placing, replicated, sharing
from jaxmlda.probe.packing import Batch, Plan, Shape

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "float32": "float32", "bfloat16": "bfloat16"}
LOGITS_AT_ONCE = 1 << 25
ROW_ARRAYS = ("tokens", "positions", "segments", "branches")
EDGE_ARRAYS = ("edge_row", "edge_col", "edge_target", "n_edges")

Params = dict[str, Any]
Arrays = dict[str, jax.Array]


class Scorer:
    """Scores plans with one decoder in one number format; log-softmax is float32 whatever the format."""

    def __init__(
        self,
        decoder: Decoder,
        mesh: Mesh | None = None,
        rows_per_batch: int | None = None,
        dtype: str = "fp32",
    ) -> None:
        if dtype not in DTYPES:
            raise UserError(f"probe.dtype: unknown number format {dtype!r}; known are fp32, bf16.")
        self.dtype = DTYPES[dtype]
        self.mesh = mesh
        self.rows_per_batch = rows_per_batch
        # A training decoder may compute in another format, with a kernel that knows no branches.
        place = None if mesh is None else placing(mesh)
        self.decoder = Decoder(decoder.config, compute=self.dtype, attention="plain", remat="none", place=place)
        self._compiled: dict[Shape, Any] = {}
        self._jitted = jax.jit(self._edge_scores, **self._shardings())
        self._cast = jax.jit(self._to_dtype, **({} if mesh is None else {"out_shardings": self._param_shardings()}))

    @property
    def rows_multiple(self) -> int:
        """Devices that share the rows of a batch; rows per batch are a multiple of it."""
        return 1 if self.mesh is None else sharing(self.mesh)

    def compile(self, params_abstract: Params, plan: Plan) -> Any:
        """Compile for the plan's shape before any weight is there; returns the executable."""
        if plan.shape not in self._compiled:
            params = jax.tree.map(
                lambda leaf: jax.ShapeDtypeStruct(leaf.shape, self._leaf_dtype(leaf)), params_abstract
            )
            self._compiled[plan.shape] = finished(self._jitted.lower(params, *self.abstract_batch(plan.shape)))
        return self._compiled[plan.shape]

    def score(self, params: Params, plan: Plan) -> np.ndarray:
        """Sum of log-probabilities per slot, float32; the only wait for the device is the one fetch at the
        end.
        """
        params = self._in_dtype(params)
        function = self._compiled.get(plan.shape, self._jitted)
        results = [function(params, *self._placed(batch)) for batch in plan.batches]
        return totals(jax.device_get(results), plan)

    def abstract_batch(self, shape: Shape) -> tuple[dict[str, jax.ShapeDtypeStruct], dict[str, jax.ShapeDtypeStruct]]:
        """Shapes of the rows and of the edges of a batch, as the compiled function takes them."""
        rows = jax.ShapeDtypeStruct((shape.rows, shape.length), jnp.int32)
        edges = jax.ShapeDtypeStruct((shape.edges,), jnp.int32)
        count = jax.ShapeDtypeStruct((), jnp.int32)
        return dict.fromkeys(ROW_ARRAYS, rows), {**dict.fromkeys(EDGE_ARRAYS, edges), "n_edges": count}

    def _edge_scores(self, params: Params, rows: Arrays, edges: Arrays) -> jax.Array:
        """log p(target | what precedes) of every edge [E] float32; the head runs on edges only, a chunk at
        a time.
        """
        x_BRD = self.decoder.hidden(params, *(rows[name] for name in ROW_ARRAYS))
        total = edges["edge_row"].shape[0]
        chunk = min(_chunk(self.decoder.config.vocab_size, self.rows_multiple), total)

        def score(i: jax.Array, done_E: jax.Array) -> jax.Array:
            # The last chunk slides back over edges already scored, so that the number of edges can be any.
            start = jnp.minimum(i * chunk, total - chunk)
            row, col, target = (jax.lax.dynamic_slice(edges[name], (start,), (chunk,)) for name in EDGE_ARRAYS[:3])
            x_ED = self._dealt(x_BRD[row, col])
            logits_EV = self.decoder.logits(params, x_ED).astype(jnp.float32)
            picked_E = jnp.take_along_axis(logits_EV, target[:, None], axis=1)[:, 0]
            logp_E = picked_E - jax.nn.logsumexp(logits_EV, axis=1)
            return jax.lax.dynamic_update_slice(done_E, logp_E, (start,))

        # The trip count is data: one executable, and no head for padding edges.
        chunks = (edges["n_edges"] + chunk - 1) // chunk
        return jax.lax.fori_loop(0, chunks, score, jnp.zeros((total,), jnp.float32))

    def _dealt(self, x_ED: jax.Array) -> jax.Array:
        if self.mesh is None:
            return x_ED
        return jax.lax.with_sharding_constraint(x_ED, batch_sharding(self.mesh))

    def _shardings(self) -> dict[str, Any]:
        if self.mesh is None:
            return {}
        rows, edges = batch_sharding(self.mesh), replicated(self.mesh)
        batch = (dict.fromkeys(ROW_ARRAYS, rows), dict.fromkeys(EDGE_ARRAYS, edges))
        return {"in_shardings": (self._param_shardings(), *batch), "out_shardings": edges}

    def _param_shardings(self) -> dict[str, NamedSharding]:
        return param_shardings(self.mesh, self.decoder.abstract())

    def _placed(self, batch: Batch) -> tuple[Arrays, Arrays]:
        rows = {name: getattr(batch, name) for name in ROW_ARRAYS}
        edges = {name: np.asarray(getattr(batch, name)) for name in EDGE_ARRAYS}
        if self.mesh is None:
            return jax.device_put(rows), jax.device_put(edges)
        return (
            local_batch(self.mesh, rows, batch_sharding(self.mesh)),
            local_batch(self.mesh, edges, replicated(self.mesh)),
        )

    def _in_dtype(self, params: Params) -> Params:
        params = jax.device_put(params, None if self.mesh is None else self._param_shardings())
        # Weights are rounded before use, so that a bf16 restore and float32 weights in training agree.
        if all(leaf.dtype == self._leaf_dtype(leaf) for leaf in jax.tree.leaves(params)):
            return params
        return self._cast(params)

    def _to_dtype(self, params: Params) -> Params:
        return jax.tree.map(lambda leaf: leaf.astype(self._leaf_dtype(leaf)), params)

    def _leaf_dtype(self, leaf: Any) -> Any:
        return jnp.dtype(self.dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf.dtype


def totals(edge_scores: list[np.ndarray], plan: Plan) -> np.ndarray:
    """Add up edges by slot. On the host and in float64: scatter-adds on a GPU come in no fixed order."""
    sums = np.zeros(plan.n_slots + 1)
    for scores, batch in zip(edge_scores, plan.batches, strict=True):
        sums += np.bincount(batch.edge_slot, weights=scores, minlength=len(sums))
    slots, same = plan.twins
    sums[slots] = sums[same]
    return sums[: plan.n_slots].astype(np.float32)


def _chunk(vocab_size: int, multiple: int) -> int:
    """Edges whose float32 logits take at most about 128 MB, a multiple of the devices that share them."""
    size = min(max(LOGITS_AT_ONCE // vocab_size, 128), 4096)
    return -(-size // multiple) * multiple
