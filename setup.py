"""The package: rooms and verbs in jaxmlda/, Tasks in seqio_tasks/, and the shipped configurations."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = next(
    line.split('"')[1]
    for line in (HERE / "jaxmlda/__init__.py").read_text().splitlines()
    if line.startswith("__version__")
)

LIGHT_TESTS = ["pytest>=8", "hypothesis>=6.100", "ruff>=0.15"]

setup(
    name="jaxmlda",
    version=VERSION,
    description="What a language model learned while it was adapted to a bilingual domain, and how sure that is",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    packages=[*find_packages(include=["jaxmlda", "jaxmlda.*", "seqio_tasks"]), "jaxmlda.configs"],
    package_dir={"jaxmlda.configs": "configs"},
    package_data={
        "jaxmlda.configs": ["*/*.yaml", "*/*/*.yaml"],
        "jaxmlda.streams": ["*.yaml"],
        "jaxmlda.world": ["*.yaml"],
        "jaxmlda.report": ["page/*"],
    },
    install_requires=[
        "array_record>=0.7",
        "cutlet>=0.5",
        "etils[epath]>=1.9",
        "flax>=0.12.8",
        "fugashi>=1.3",
        "grain>=0.2.18",
        "importlib_resources",  # tensorflow-datasets needs it and does not say so
        "jax>=0.10.2",
        "jinja2>=3.1",
        "numpy>=2.0",
        "optax>=0.2.5",
        "orbax-checkpoint>=0.12.8",
        "plotly>=6.0",
        "pyarrow>=18",
        "pydantic>=2.9",
        "pyyaml>=6.0",
        "safetensors>=0.5",
        "scipy>=1.13",
        "sentencepiece>=0.2.3",
        "seqio>=0.0.20",
        "tensorflow-datasets>=4.9.10",
        "tensorstore>=0.1.80",
        "tokenizers>=0.21",
        "tqdm>=4.66",
        "unidic-lite>=1.0.8",
        "zstandard>=0.23",
    ],
    extras_require={
        "tpu": ["jax[tpu]>=0.10.2"],
        "gpu": ["jax[cuda13]>=0.10.2"],
        "plan": ["libtpu>=0.0.42"],
        "test": LIGHT_TESTS,
        "peers": ["torch==2.13.0", "transformers>=5.23", "lm_eval>=0.4.13", "accelerate>=1.0"],
    },
    entry_points={"console_scripts": ["jaxmlda=jaxmlda.__main__:main"]},
    classifiers=[
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
