"""What a training run is told, in a YAML file: every key, its default, and what is wrong with a value."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from leffa.diffusion.transform import LATENT_FACTOR
from leffa.errors import BadFile, BadParameter, FileMissing, LeffaError, UnknownParameter
from leffa.training.datasets import Kind
from leffa.training.loss import LeffaLoss

Side = Annotated[int, Field(ge=64, le=2048, multiple_of=LATENT_FACTOR)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(_Strict):
    """Which layout the folder has, see docs/training.md, and where it is."""

    kind: Kind
    folder: Path


class LossSettings(_Strict):
    """The Leffa loss of a stage, as `LeffaLoss`; the defaults are the paper's."""

    weight: float = Field(LeffaLoss.weight, gt=0)
    temperature: float = Field(LeffaLoss.temperature, gt=0)
    resolution: float = Field(LeffaLoss.resolution, gt=0, le=1 / LATENT_FACTOR)
    timestep: int = Field(LeffaLoss.timestep, ge=1, le=1000)


class Stage(_Strict):
    """A part of the run. One optimiser step sees batch x accumulate samples on every device."""

    height: Side
    width: Side
    steps: Count
    batch: Count
    accumulate: Count = 1
    leffa_loss: LossSettings | None = None


class NetworkConfigs(_Strict):
    """diffusers' configurations of networks that start from random numbers.

    vae: `mini` is the embedded model's, trained on synthetic people.
    """

    unet: dict[str, Any]
    vae: dict[str, Any] | Literal["mini"]


class TrainConfig(_Strict):
    """A run. `leffa train config NAME` prints commented examples."""

    model: Literal["viton_hd", "dress_code", "pose_transfer"]
    data: Data
    out: Path
    start: Literal["official", "base", "random"]
    weights: Path = Path("model_weights")
    networks: NetworkConfigs | None = None
    stages: Annotated[list[Stage], Field(min_length=1)]
    seed: int = Field(0, ge=0)
    workers: int = Field(4, ge=0)
    learning_rate: float = Field(1e-5, gt=0)
    warmup: int = Field(500, ge=0)
    weight_decay: float = Field(0.01, ge=0)
    optimizer: Literal["adamw", "adamw8bit"] = "adamw"
    clip_gradient: float = Field(1.0, gt=0)
    ema_decay: Share = 0.9999
    drop_reference: Share = 0.1
    precision: Literal["no", "bf16", "fp16"] = "bf16"
    gradient_checkpointing: bool = True
    log_every: Count = 20
    tensorboard: bool = False
    sheet_every: Count = 1000
    sheet_samples: Count = 4
    sheet_steps: Count = 20
    checkpoint_every: Count = 1000
    keep_checkpoints: Count = 2

    @model_validator(mode="after")
    def _networks_are_for_random_starts(self) -> Self:
        if self.networks is not None and self.start != "random":
            raise ValueError("networks: only a random start takes configurations; others have their own")
        return self


def read_config(path: Path) -> TrainConfig:
    """Read and check a YAML file. Raises FileMissing, BadFile, BadParameter, UnknownParameter."""
    if not path.is_file():
        raise FileMissing(f"There is no file {path}.", fix="`leffa train config viton_hd` prints an example.")
    try:
        told = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, ValueError) as error:
        raise BadFile(f"{path} is not YAML: {' '.join(str(error).split())}.") from error
    try:
        return TrainConfig.model_validate(told)
    except ValidationError as error:
        raise _in_our_words(path, error) from error


def examples() -> list[str]:
    """The names of the examples."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _folder().iterdir())


def example(name: str) -> str:
    """The text of a commented example. Raises BadParameter for a name that is not in `examples`."""
    if name not in examples():
        raise BadParameter(
            f"There is no example {name!r}.", allowed=examples(), fix=f"Use {', '.join(examples())}."
        )
    return (_folder() / f"{name}.yaml").read_text()


def _folder() -> Any:
    return files("leffa.training").joinpath("configs")


def _in_our_words(path: Path, error: ValidationError) -> LeffaError:
    """The first fault; several are often one mistake."""
    fault = error.errors(include_url=False)[0]
    field = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return UnknownParameter(f"{path}: there is no key {field}.", field=field, fix="Check the spelling.")
    words = fault["msg"].removeprefix("Value error, ")
    place = f"{path}: {field}: " if field else f"{path}: "
    return BadParameter(f"{place}{words}.", field=field or None, fix="See docs/training.md.")
