"""`leffa train mini`: the embedded model from nothing to committed weights, stage by stage.

| stage | what it does | from → to |
|---|---|---|
| data | draws synthetic pairs | seeds → data/train-*.npz |
| vae | trains the picture codec | data → vae.ckpt |
| parser | trains labels and parts | data → leffa-mini-parser.safetensors |
| layout | trains where cloth lies, on people and in flats | data, vae, parser → layout.ckpt |
| latents | encodes the pairs once, half of them as the parser sees them | data, layout → latents.npz |
| pair | trains both UNets and the head | latents, layout → pair.ckpt |
| answers | draws with the pair | data, parser, pair → answers/*.npz |
| refiner | trains the joiner | answers → refiner.ckpt |
| export | halves and writes the weights | refiner → leffa-mini.safetensors |

Every stage reads what the ones before it left in the folder, so each can be run and resumed alone, and
repeated once its checkpoint is deleted.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from leffa.errors import BadFolder, BadParameter
from leffa.mini.model import pipeline_of
from leffa.mini.nets import HEIGHT, WEIGHTS, WIDTH, Mini
from leffa.mini.parser import WEIGHTS as PARSER_WEIGHTS
from leffa.mini.parser import ParserNet, load_net, save_net
from leffa.training.data import draw_shards
from leffa.training.loop import LoopConfig, save_state
from leffa.training.recipes.mini_layout import train_layout
from leffa.training.recipes.mini_pair import encode_latents, train_pair
from leffa.training.recipes.mini_parser import train_parser
from leffa.training.recipes.mini_refiner import cache_answers, train_refiner
from leffa.training.recipes.mini_vae import train_vae

FIRST_SEED = 1_000_000  # evaluation uses seeds below


@dataclass(frozen=True)
class MiniConfig:
    """How much of everything: hours on two CPU cores."""

    pairs: int = 6000
    vae: LoopConfig = LoopConfig(steps=800, learning_rate=1.5e-3)
    vae_batch: int = 16
    parser: LoopConfig = LoopConfig(steps=4600, learning_rate=2e-3)
    parser_batch: int = 12
    layout: LoopConfig = LoopConfig(steps=9000, learning_rate=2.5e-3)
    layout_batch: int = 16
    pair: LoopConfig = LoopConfig(steps=2850, learning_rate=8e-4)
    pair_batch: int = 8
    answers: int = 6000
    refiner: LoopConfig = LoopConfig(steps=6300, learning_rate=1.2e-3)
    refiner_batch: int = 8
    seed: int = 0


SMOKE = MiniConfig(
    pairs=4,
    vae=LoopConfig(1, 1e-3),
    vae_batch=2,
    parser=LoopConfig(1, 1e-3),
    parser_batch=2,
    layout=LoopConfig(1, 1e-3),
    layout_batch=2,
    pair=LoopConfig(1, 1e-3),
    pair_batch=2,
    answers=2,
    refiner=LoopConfig(1, 1e-3),
    refiner_batch=2,
)


@dataclass
class Run:
    """One run of the recipe: its folder, its sizes, whether to go on where it stopped."""

    out: Path
    config: MiniConfig
    resume: bool

    @property
    def data(self) -> Path:
        """Where the drawn pairs lie."""
        return self.out / "data"

    def draw(self) -> None:
        """Stage `data`."""
        draw_shards(self.data, self.config.pairs, FIRST_SEED, HEIGHT, WIDTH)

    def vae(self) -> None:
        """Stage `vae`."""
        mini = self._mini()
        train_vae(mini, self.data, self.out, self.config.vae, self.config.vae_batch, self.resume)
        self._keep(mini, "vae")

    def parser(self) -> None:
        """Stage `parser`."""
        torch.manual_seed(self.config.seed)
        net = ParserNet()
        train_parser(net, self.data, self.out, self.config.parser, self.config.parser_batch, self.resume)
        save_net(net, self.out / PARSER_WEIGHTS.name)

    def layout(self) -> None:
        """Stage `layout`."""
        mini, size = self._mini("vae"), self.config.layout_batch
        train_layout(mini, self._parser(), self.data, self.out, self.config.layout, size, self.resume)
        self._keep(mini, "layout")

    def latents(self) -> None:
        """Stage `latents`."""
        encode_latents(self._mini("layout"), self._parser(), self.data, self.out)

    def pair(self) -> None:
        """Stage `pair`."""
        mini = self._mini("layout")
        latents, anew = self.out / "latents.npz", not (self.out / "pair.ckpt").exists()
        train_pair(mini, latents, self.out, self.config.pair, self.config.pair_batch, self.resume)
        self._keep(mini, "pair")
        if anew:
            shutil.rmtree(self.out / "answers", ignore_errors=True)  # of a pair that is no more

    def answers(self) -> None:
        """Stage `answers`."""
        mini = self._mini("pair")
        cache_answers(mini, self._parser(), pipeline_of(mini), self.data, self.out, self.config.answers)

    def refiner(self) -> None:
        """Stage `refiner`."""
        mini = self._mini("pair")
        answers = self.out / "answers"
        train_refiner(mini, answers, self.out, self.config.refiner, self.config.refiner_batch, self.resume)
        self._keep(mini, "refiner")

    def export(self) -> None:
        """Stage `export`."""
        self._mini("refiner").save(self.out / WEIGHTS.name)

    def _parser(self) -> ParserNet:
        path = self.out / PARSER_WEIGHTS.name
        if not path.exists():
            raise BadFolder(f"{path} is missing: run the stage parser first.")
        return load_net(path)

    def _mini(self, after: str | None = None) -> Mini:
        """The networks as stage `after` left them; with fresh weights when None."""
        torch.manual_seed(self.config.seed)
        mini = Mini()
        if after is not None:
            path = self.out / f"mini-after-{after}.pt"
            if not path.exists():
                raise BadFolder(f"{path} is missing: run the stage {after} first.")
            mini.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
            mini.calibrate()
        return mini.eval()

    def _keep(self, mini: Mini, stage: str) -> None:
        save_state(mini.state_dict(), self.out / f"mini-after-{stage}.pt")


STAGES: dict[str, Callable[[Run], None]] = {
    "data": Run.draw,
    "vae": Run.vae,
    "parser": Run.parser,
    "layout": Run.layout,
    "latents": Run.latents,
    "pair": Run.pair,
    "answers": Run.answers,
    "refiner": Run.refiner,
    "export": Run.export,
}


def train(stage: str, out: Path, resume: bool = False, smoke: bool = False) -> None:
    """Run one stage, or `all` in order, in the folder `out`; `smoke` runs one step of each in seconds.

    Raises BadParameter for an unknown stage, BadFolder when an earlier stage's result is missing.
    """
    if stage not in (*STAGES, "all"):
        raise BadParameter(
            f"There is no stage {stage!r}.", field="stage", allowed=[*STAGES, "all"], received=stage
        )
    out.mkdir(parents=True, exist_ok=True)
    run = Run(out, SMOKE if smoke else MiniConfig(), resume)
    for name in STAGES if stage == "all" else (stage,):
        STAGES[name](run)
