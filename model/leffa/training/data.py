"""Training data: synthetic pairs drawn once into shards of plain arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.progress import track

from leffa.errors import BadFolder, NoPerson, PersonTooSmall
from leffa.files import whole_file
from leffa.mini.landmarks import LandmarkDetector
from leffa.preprocess.garment import prepare_garment
from leffa.tryon import GARMENT_TYPES

if TYPE_CHECKING:
    from leffa.synth import SynthPair

SHARD = 125
HARDER_EVERY = 3  # pairs, of which one is of a harder kind
UNTOUCHED = (
    "person", "target", "labels", "target_labels", "parts", "keypoints", "garment_mask", "source_garment_mask"
)  # fmt: skip

WAY_BACK = {
    "person": "target", "target": "person", "labels": "target_labels", "garment": "source_garment",
    "garment_alpha": "source_garment_alpha", "garment_mask": "source_garment_mask", "flow": "source_flow",
    "flat_layout": "source_flat_layout", "found_keypoints": "found_target_keypoints",
    "found_silhouette": "found_target_silhouette",
}  # fmt: skip


def draw_shards(folder: Path, count: int, seed: int, height: int, width: int, workers: int = 2) -> None:
    """Draw pairs seed … seed+count-1 into `folder/train-NNN.npz` (whole shards that are there are kept).

    Every third is of one of the harder kinds of ``leffa.synth.kinds``, each in its turn.
    Arrays are stacked over the pairs: those of ``leffa.synth.SynthPair`` as they are (UNTOUCHED), garment and
    source_garment cut out and framed by ``prepare_garment`` with their silhouettes, flow and source_flow
    float16 [N, H/2, W/2, 2] (every second pixel, NaN where there is none), layout, flat_layout and
    source_flat_layout as ``leffa.synth.layout`` says, float16, garment_type as an index into GARMENT_TYPES,
    and what the detector finds in person and target: keypoints [N, 17, 3], silhouette uint8 [N, H, W].
    """
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {start: min(SHARD, count - start) for start in range(0, count, SHARD)}
    sizes = {start: size for start, size in sizes.items() if _pairs_in(_shard(folder, start)) < size}
    with ProcessPoolExecutor(workers) as pool:
        jobs = [
            pool.submit(_draw_shard, _shard(folder, start), seed + start, size, height, width)
            for start, size in sizes.items()
        ]
        try:
            for job in track(as_completed(jobs), "drawing people", total=len(jobs)):
                job.result()
        except BaseException:  # Ctrl-C too: else all that are left would be drawn first
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def kind_of(seed: int) -> str:
    """The kind of the pair of a seed: every third is harder, all kinds in turn."""
    from leffa.synth.kinds import KINDS

    turn, place = divmod(seed, HARDER_EVERY)
    harder = [kind for kind in KINDS if kind != "usual"]
    return "usual" if place else harder[turn % len(harder)]


def shards(folder: Path) -> list[Path]:
    """The shards of `folder` in order. Raises BadFolder when there are none."""
    paths = sorted(folder.glob("train-*.npz"))
    if not paths:
        raise BadFolder(f"{folder} holds no train-*.npz; draw them with: leffa train mini --stage data")
    return paths


def load_shards(folder: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """The named arrays of all shards, joined in order. Raises BadFolder when there are none."""
    columns: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for path in shards(folder):
        with np.load(path) as shard:
            for name, column in columns.items():
                column.append(shard[name])
    return {name: np.concatenate(column) for name, column in columns.items()}


def both_directions(shard: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """The named arrays of a shard, person → target, and behind them the same people the other way round."""
    with np.load(shard) as stored:
        return {name: np.concatenate([stored[name], stored[WAY_BACK.get(name, name)]]) for name in names}


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an .npz that is there whole or not at all."""
    with whole_file(path) as draft:
        np.savez(draft, allow_pickle=False, **arrays)


def _pairs_in(shard: Path) -> int:
    """How many pairs a shard holds, 0 where there is none; a smaller run may have left a short one."""
    if not shard.exists():
        return 0
    with np.load(shard) as stored:
        return len(stored["garment_type"])


def _shard(folder: Path, start: int) -> Path:
    return folder / f"train-{start // SHARD:03d}.npz"


def _draw_shard(path: Path, seed: int, count: int, height: int, width: int) -> None:
    from leffa.synth.pairs import sample

    detector = LandmarkDetector()
    pairs = (sample(each, height, width, kind=kind_of(each)) for each in range(seed, seed + count))
    columns: dict[str, list[np.ndarray]] = {}
    for pair in pairs:
        for name, array in _prepared(pair, detector).items():
            columns.setdefault(name, []).append(array)
    arrays = {name: np.stack(column) for name, column in columns.items()}
    write_arrays(path, arrays)


def _prepared(pair: SynthPair, detector: LandmarkDetector) -> dict[str, np.ndarray]:
    """One pair's arrays, its garments cut out and framed as at inference, the flows following."""
    from leffa.synth.layout import flat_layout, worn_layout

    height, width = pair.person.shape[:2]
    arrays = {name: getattr(pair, name) for name in UNTOUCHED}
    for number, prefix in enumerate(("source_", "")):
        alpha = getattr(pair, f"{prefix}garment_alpha")
        flat = np.dstack([getattr(pair, f"{prefix}garment"), alpha])
        garment = prepare_garment(flat, height, width)
        arrays[f"{prefix}garment"] = garment.rgb
        arrays[f"{prefix}garment_alpha"] = (garment.alpha * 255).astype(np.uint8)
        arrays[f"{prefix}flow"] = _framed(getattr(pair, f"{prefix}flow"), garment.box).astype(np.float16)
        cut, placement = pair.origin.garments[number], pair.origin.placements[number]
        layout = flat_layout(cut, placement, garment.box, height, width)
        arrays[f"{prefix}flat_layout"] = layout.astype(np.float16)
    arrays["layout"] = worn_layout(pair.origin.scene).astype(np.float16)
    arrays |= _found(detector, pair.person, "found_") | _found(detector, pair.target, "found_target_")
    arrays["garment_type"] = np.uint8(GARMENT_TYPES.index(pair.garment_type))
    return arrays


def _found(detector: LandmarkDetector, picture: np.ndarray, prefix: str) -> dict[str, np.ndarray]:
    """What the detector makes of a picture [H, W, 3]; zeros where it finds nobody."""
    keypoints, silhouette = np.zeros((17, 3), np.float32), np.zeros(picture.shape[:2], np.uint8)
    with suppress(NoPerson, PersonTooSmall):
        pose = detector.detect(picture)
        keypoints, silhouette = pose.keypoints, (pose.person_mask * 255).round().astype(np.uint8)
    return {f"{prefix}keypoints": keypoints, f"{prefix}silhouette": silhouette}


def _framed(flow: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """A flow [H, W, 2] into the flat → every second pixel, [H/2, W/2, 2], into what `box` shows of it."""
    height, width = flow.shape[:2]
    left, top, right, bottom = box
    pixels = (flow[::2, ::2] + 1) / 2 * (width, height)
    return (pixels - (left, top)) / (right - left, bottom - top) * 2 - 1
