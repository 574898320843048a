"""`leffa train`: the embedded model, the official architecture, and what to look at before."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from leffa.cli.console import complaints, console, plain_errors, progress_bar

train = typer.Typer(no_args_is_help=True)
ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML file, see `leffa train config`")]


@train.command()
def mini(
    stage: Annotated[str, typer.Option(help="one stage of the recipe, see docs/mini.md, or all")] = "all",
    out: Annotated[
        Path | None,
        typer.Option(
            help="folder for checkpoints, log and sample sheets; else runs/mini, or runs/mini-smoke"
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on from the last checkpoint")] = False,
    smoke: Annotated[bool, typer.Option("--smoke", help="a few steps only, to see that it runs")] = False,
) -> None:
    """Train the embedded model from nothing, on synthetic people."""
    with plain_errors():
        from leffa.training.recipes import mini

        folder = out or Path("runs/mini-smoke" if smoke else "runs/mini")
        mini.train(stage=stage, out=folder, resume=resume, smoke=smoke)


@train.command()
def official(
    config: ConfigFile,
    resume: Annotated[bool, typer.Option("--resume", help="go on from the last checkpoint")] = False,
) -> None:
    """Train the official architecture on VITON-HD, Dress Code, DeepFashion or pairs of your own."""
    with plain_errors():
        from leffa.training.config import read_config
        from leffa.training.official import train

        train(read_config(config), resume)


@train.command()
def check(config: ConfigFile) -> None:
    """Open every file that training would read, and name those that are missing or damaged."""
    with plain_errors():
        from leffa.training.check import find_faults, require_none
        from leffa.training.config import read_config
        from leffa.training.datasets import open_source
        from leffa.training.networks import require_weights
        from leffa.weights.catalogue import SPECS

        settings = read_config(config)
        source = open_source(settings.data.kind, settings.data.folder, SPECS[settings.model])
        require_weights(settings)
        with progress_bar() as report:
            faults = find_faults(source, lambda done, total: report("samples", done, total))
        require_none(faults, lambda line: complaints.print(escape(line), highlight=False, soft_wrap=True))
    console.print(f"{len(source.cases)} samples, every file opens", highlight=False)


@train.command("config")
def print_config(
    name: Annotated[str, typer.Argument(help="viton_hd, dress_code, deepfashion or pairs")] = "viton_hd",
) -> None:
    """Print a commented example of a configuration."""
    with plain_errors():
        from leffa.training.config import example

        print(example(name), end="")
