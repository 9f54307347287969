"""Host memory while a Hugging Face folder is imported: a made-up bfloat16 checkpoint, in one file and in eight.

Run: `python -m benchmarks.import_memory [GIGABYTES]`. The files are sparse, so that the disk need not hold them;
another process reads, and its anonymous memory is sampled from outside. Prints benchmarks/import_memory.md.
"""

import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import jax
from jax.sharding import SingleDeviceSharding

from jaxmlda.model import Decoder, ModelConfig, huggingface
from jaxmlda.model.huggingface.family import FAMILIES, Tensor
from jaxmlda.storage import write_json

GIB = 2**30
ALLOWANCE = 1.5 * GIB
READ = "import sys; from benchmarks.import_memory import read; read(sys.argv[1])"


def model(gigabytes: float) -> ModelConfig:
    """A Llama of about this many gigabytes in bfloat16, with the proportions of Llama 3.1."""
    numbers = {"hidden_size": 2048, "mlp_size": 7168, "heads": 32, "kv_heads": 8, "head_size": 64}
    numbers |= {"vocab_size": 64_000, "max_positions": 8192}
    one, two = (ModelConfig(**numbers, layers=layers).parameters() for layers in (1, 2))
    return ModelConfig(**numbers, layers=max(1, round((gigabytes * 1e9 / 2 - one) / (two - one)) + 1))


def shapes(config: ModelConfig) -> dict[str, list[int]]:
    """Their tensors."""
    found = {}
    entries: list[tuple[tuple, Tensor, jax.ShapeDtypeStruct]] = list(
        FAMILIES["LlamaForCausalLM"].tensors(Decoder(config).abstract())
    )
    for _, tensor, leaf in entries:
        shape = leaf.shape[1:] if tensor.stacked else leaf.shape
        found |= {name: list(shape[::-1] if tensor.turned else shape) for name in tensor.names(config.layers)}
    return found


def write(folder: Path, config: ModelConfig, files: int) -> None:
    """The checkpoint: headers, and holes where the numbers would be."""
    tensors = shapes(config)
    where = {name: f"model-{n % files + 1:05}-of-{files:05}.safetensors" for n, name in enumerate(sorted(tensors))}
    for file in sorted(set(where.values())):
        header, begin = {}, 0
        for name in (name for name in where if where[name] == file):
            end = begin + 2 * math.prod(tensors[name])
            header[name] = {"dtype": "BF16", "shape": tensors[name], "data_offsets": [begin, end]}
            begin = end
        text = json.dumps(header).encode()
        with (folder / file).open("wb") as stream:
            stream.write(len(text).to_bytes(8, "little") + text)
            stream.truncate(8 + len(text) + begin)
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": where})
    write_json(folder / "config.json", huggingface.config.config_json(config, "bfloat16", {}))


def read(folder: str) -> None:
    """What is measured: the import by itself; the arrays stay until the end."""
    config, one = huggingface.read_config(folder), SingleDeviceSharding(jax.devices()[0])
    abstract = Decoder(config).abstract("bfloat16")
    like = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=one), abstract)
    params = huggingface.read_params(folder, config, like)
    jax.block_until_ready(params)


def anonymous(process: int) -> int:
    """Bytes of anonymous memory of a process, 0 when it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except ProcessLookupError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)


def peak(folder: Path) -> tuple[int, float]:
    """(largest anonymous memory, seconds) of a process that imports the folder."""
    begin = time.perf_counter()
    child, highest = subprocess.Popen([sys.executable, "-c", READ, str(folder)]), 0
    while child.poll() is None:
        highest = max(highest, anonymous(child.pid))
        time.sleep(0.002)
    if child.returncode:
        raise SystemExit(child.returncode)
    return highest, time.perf_counter() - begin


def row(config: ModelConfig, files: int) -> str:
    """One line of the table."""
    leaves = jax.tree.leaves(Decoder(config).abstract("bfloat16"))
    stay, largest = (part([2 * leaf.size for leaf in leaves]) for part in (sum, max))
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), config, files)
        found, seconds = peak(Path(folder))
    allowed = stay + 2 * largest + ALLOWANCE
    figures = [stay, largest, found, allowed]
    cells = [str(files), *(f"{number / GIB:.2f}" for number in figures), "yes" if found <= allowed else "no"]
    return f"| {' | '.join(cells)} | {seconds:.0f} |"


def main() -> None:
    """Prints the page."""
    config = model(float(sys.argv[1]) if len(sys.argv) > 1 else 8.0)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("jax", "safetensors", "numpy"))
    head = ["files", "arrays that stay, GiB", "largest array", "peak anonymous memory", "allowed", "kept", "seconds"]
    lines = [
        "# Host memory of an import",
        "",
        f"A made-up bfloat16 Llama of {config.parameters():,} parameters, read by `huggingface.read_params` onto one",
        "device, which is the host itself. Allowed are the arrays that stay, twice the largest of them, and 1.5 GiB.",
        "",
        f"- command: `python -m benchmarks.import_memory {' '.join(sys.argv[1:])}`; commit {commit.stdout.strip()}, "
        f"{time.strftime('%Y-%m')}",
        f"- hardware: {os.cpu_count()} cores, {jax.devices()[0].device_kind}, {platform.machine()}",
        f"- versions: {versions}",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(row(config, files) for files in (1, 8)),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
