"""What every command of the command line shares: where it prints, its progress bar, its one-line errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from leffa.errors import LeffaError

console = Console()
complaints = Console(stderr=True)
BAD_INPUT, INTERRUPTED = 2, 130
# Packages that only some commands need, and the extra that brings them.
EXTRAS = {
    "transformers": "segformer",
    "detectron2": "detectron2",
    **dict.fromkeys(("torchmetrics", "torchvision", "pytorch_fid"), "metrics"),
}


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn every expected error into one line and exit code 2, Ctrl-C into exit code 130."""
    try:
        yield
    except LeffaError as error:
        complaints.print(f"[red]{error.code}[/]: {escape(error.detail)} {escape(error.fix)}", soft_wrap=True)
        raise typer.Exit(BAD_INPUT) from None
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(error.name or "", "train")
        complaints.print(f"[red]missing_package[/]: this needs {error.name}: pip install 'leffa\\[{extra}]'")
        raise typer.Exit(BAD_INPUT) from None
    except OSError as error:  # what no one step foresaw: no permission, a name too long, a loop of links
        place = f"{error.filename}: " if error.filename else ""
        complaints.print(f"[red]bad_file[/]: {escape(f'{place}{error.strerror or error}')}", soft_wrap=True)
        raise typer.Exit(BAD_INPUT) from None
    except KeyboardInterrupt:
        complaints.print("stopped")
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def progress_bar() -> Iterator[Any]:
    """A bar on standard error; gives a callback (stage, step, total)."""
    columns = TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=complaints, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def report(stage: str, step: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=step, total=total)

        yield report
