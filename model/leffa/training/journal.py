"""What a run tells while it runs: a line a step in log.jsonl, TensorBoard where asked for, a bar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from leffa.files import whole_file

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

Figures = Mapping[str, float]


class Journal:
    """The log of a run; of processes that are not the main one it does nothing.

    Lines from `begin` on are dropped: a resumed run writes them again.
    """

    def __init__(self, out: Path, begin: int, total: int, tensorboard: bool, main: bool) -> None:
        self.path, self.main = out / "log.jsonl", main
        self.board = _open_board(out / "tensorboard", begin) if tensorboard and main else None
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        told = TextColumn("{task.fields[note]}")
        self.bar = Progress(*columns, told, refresh_per_second=1, disable=not main)
        self.task = self.bar.add_task("steps", total=total, completed=begin, note="")
        if main:
            self._cut(begin)

    def __enter__(self) -> Journal:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()
        if self.board is not None:
            self.board.close()

    def advance(self, step: int) -> None:
        """So many steps are done."""
        self.bar.update(self.task, completed=step)

    def write(self, step: int, stage: int, figures: Figures) -> None:
        """The figures of the steps up to `step`."""
        self.bar.update(self.task, note=f"loss {figures['loss']:.4f}")
        if not self.main:
            return
        rounded = {name: float(f"{value:.6g}") for name, value in figures.items()}
        with self.path.open("a") as log:
            print(json.dumps({"step": step, "stage": stage, **rounded}), file=log)
        if self.board is not None:
            for name, value in figures.items():
                self.board.add_scalar(name, value, step)

    def _cut(self, begin: int) -> None:
        lines = self.path.read_text().splitlines(keepends=True) if self.path.is_file() and begin else []
        # A run that was killed may have left half a line, which has no end.
        whole = (line for line in lines if line.endswith("}\n"))
        with whole_file(self.path) as draft:
            draft.write_text("".join(line for line in whole if json.loads(line)["step"] <= begin))


def _open_board(folder: Path, begin: int) -> SummaryWriter:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=begin + 1)
