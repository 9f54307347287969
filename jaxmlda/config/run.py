"""The run file: the configuration of `prepare`, `plan`, `train` and of the probe in the loop."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from jaxmlda.config.settings import Settings, setting

Count = Annotated[int, Field(gt=0)]
AxisSize = Annotated[int, Field(ge=-1)]


class Rows(Settings):
    """How streams become rows."""

    sequence_length: Count = setting("tokens in a row", 4096)
    packing: Literal["cut", "whole"] = setting(
        "`cut`: concatenate and cut; `whole`: whole documents packed best-fit", "cut"
    )
    attention: Literal["within", "across"] = setting(
        "whether a token may attend `across` the documents of its row", "within"
    )
    total_tokens: Count | None = setting("tokens of a recipe with shares; null for a recipe with epochs", None)
    seed: int = setting("seed of the order of documents and rows", 0, ge=0)


class Init(Settings):
    """Where the weights come from."""

    from_: Literal["hf", "orbax", "run", "random"] = setting(
        "`hf`: a Hugging Face folder; `orbax`: one checkpoint; `run`: a run folder; `random`",
        "random",
        alias="from",
    )
    path: str | None = setting("folder of the weights; null for `random`", None)
    step: int | None = setting("checkpoint of a run folder; null is its last", None, ge=0)
    seed: int = setting("seed of random weights", 0, ge=0)

    @model_validator(mode="after")
    def _path_where_needed(self) -> "Init":
        if (self.path is None) != (self.from_ == "random"):
            raise ValueError("init.path is needed for hf, orbax and run, and must be null for random")
        return self


class Mesh(Settings):
    """Devices along each axis; -1 takes the rest."""

    slice: AxisSize = setting("slices joined by the data-centre network", 1)
    data: AxisSize = setting("copies of the parameters", 1)
    fsdp: AxisSize = setting("cuts of parameters and batch", -1)
    tensor: AxisSize = setting("cuts of every layer", 1)

    @field_validator("*")
    @classmethod
    def _some(cls, value: int) -> int:
        if value == 0:
            raise ValueError("an axis has at least one device; -1 takes the rest")
        return value


class Optimizer(Settings):
    """AdamW (Loshchilov and Hutter 2019)."""

    name: Literal["adamw"] = setting("the optimizer", "adamw")
    b1: float = setting("decay of the first moment", 0.9, ge=0, lt=1)
    b2: float = setting("decay of the second moment", 0.95, ge=0, lt=1)
    eps: float = setting("added to the root of the second moment", 1e-8, gt=0)
    weight_decay: float = setting("decoupled decay of matrices; norms are left alone", 0.1, ge=0)
    clip: float | None = setting("largest global norm of the gradient; null for none", 1.0, gt=0)


class Schedule(Settings):
    """Learning rate over the steps."""

    name: Literal["constant", "cosine", "linear", "wsd"] = setting("shape; `wsd` is warm-up, stable, decay", "cosine")
    peak: float = setting("highest learning rate", 2e-5, gt=0, le=1)
    final: float = setting("learning rate of the last step", 2e-6, ge=0, le=1)
    warmup_steps: int = setting("steps of linear warm-up; the first of w is peak / w", 0, ge=0)
    decay_steps: int = setting("steps of the decay of `wsd`", 0, ge=0)


class Loss(Settings):
    """Next-token loss."""

    z: float = setting("weight of (log Z)², 0 for none", 0.0, ge=0)
    chunk: Count = setting("positions of a device whose logits exist at one time", 1024)


class Precision(Settings):
    """Number formats."""

    compute: Literal["float32", "bfloat16"] = setting("activations", "bfloat16")
    parameters: Literal["float32", "bfloat16"] = setting("stored parameters", "float32")


class Training(Settings):
    """The step and how often it is taken."""

    batch_size: Count = setting("rows a step", 32)
    steps: Count | None = setting("steps; null is every row once", None)
    optimizer: Optimizer = setting("optimizer", Optimizer)
    schedule: Schedule = setting("learning rate", Schedule)
    loss: Loss = setting("loss", Loss)
    precision: Precision = setting("number formats", Precision)
    remat: Literal["none", "dots", "qkv", "full"] = setting("what the backward pass computes again", "full")
    attention: str = setting("attention kernel", "plain")
    accumulate: Count = setting("parts that a batch is cut into, one after the other", 1)
    on_nan: Literal["stop", "skip"] = setting("a loss that is no number ends the run, or its step is skipped", "stop")

    @model_validator(mode="after")
    def _parts_fit(self) -> "Training":
        if self.batch_size % self.accumulate:
            raise ValueError(f"training.accumulate ({self.accumulate}) must divide batch_size ({self.batch_size})")
        return self


class Every(Settings):
    """A checkpoint every n steps."""

    every: Count = setting("steps between checkpoints")


class Steps(Settings):
    """Checkpoints at given steps."""

    steps: list[Annotated[int, Field(ge=0)]] = setting("the steps")


def _policy(value: Any) -> str:
    """Which of the three ways a policy is written in, so that an error speaks of that one only."""
    if isinstance(value, dict):
        return "Steps" if "steps" in value else "Every"
    return type(value).__name__ if isinstance(value, Settings) else "[name]"


Policy = Annotated[
    Annotated[Literal["published", "log"], Tag("[name]")]
    | Annotated[Every, Tag("Every")]
    | Annotated[Steps, Tag("Steps")],
    Discriminator(_policy),
]


class Checkpoints(Settings):
    """Two policies: what science keeps, and what resuming needs."""

    science: Policy = setting("`published`, `log`, `{every: n}` or `{steps: [...]}`; kept for ever", "log")
    resume_minutes: float = setting("minutes between resume checkpoints", 10.0, gt=0)
    resume_keep: Count = setting("resume checkpoints that stay", 2)


class Probe(Settings):
    """The probe in the loop, at every science checkpoint."""

    questions: list[str] = setting("question files or folders; empty for no probe", [])
    rule: Literal["joint", "harness", "published"] = setting("how an option's span is found", "joint")
    dtype: Literal["fp32", "bf16"] = setting("number format of the scoring pass", "fp32")


class Run(Settings):
    """Everything that one training run is."""

    name: str = setting("name of the run", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    corpus: str = setting("folder of the corpus")
    corpora: dict[str, str] = setting("other corpora that the recipe's streams name: name to folder", {})
    trial: str | None = setting("trial table; null where every document is outside the trial", None)
    vocabulary: str = setting("SentencePiece model, tokenizer.json, or a folder that holds one")
    recipe: str = setting("recipe file, or the name of one in configs/recipes")
    rows: Rows = setting("rows", Rows)
    model: str | None = setting(
        "model file, or the name of one in configs/models; null takes it from the weights", None
    )
    init: Init = setting("weights", Init)
    mesh: Mesh = setting("devices", Mesh)
    training: Training = setting("training", Training)
    checkpoints: Checkpoints = setting("checkpoints", Checkpoints)
    probe: Probe = setting("probe in the loop", Probe)
    held_out: str | None = setting("must be null: held-out text is not measured by this version", None)
    output: str = setting("folder of the run")

    @field_validator("held_out")
    @classmethod
    def _not_measured(cls, value: str | None) -> str | None:
        if value is not None:
            raise ValueError("held-out text is not measured by this version; set it to null")
        return value

    @field_validator("model")
    @classmethod
    def _named(cls, value: str | None) -> str | None:
        if value == "":
            raise ValueError("model must be a name, a file or null")
        return value
