"""Pairs folders on disk: what `leffa synth` writes and `leffa evaluate --pairs` reads."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from leffa.errors import BadFolder
from leffa.preprocess.agnostic_mask import agnostic_mask
from leffa.synth.kinds import find_kind
from leffa.synth.sampling import SynthPair, sample

__all__ = ["SynthPair", "contact_sheet", "flow_psnr", "sample", "warp", "write_pair", "write_pairs"]
SHEET_ROWS = 48
_rng = np.random.default_rng(3)
PART_COLOURS = np.concatenate([np.zeros((1, 3)), _rng.integers(40, 255, (24, 3))]).astype(np.uint8)
LABEL_COLOURS = np.concatenate([np.zeros((1, 3)), _rng.integers(60, 255, (17, 3))]).astype(np.uint8)


def write_pairs(
    count: int,
    seed: int,
    out_dir: Path,
    height: int = 256,
    width: int = 192,
    progress: Callable[[int, int], None] | None = None,
    kind: str = "usual",
) -> list[Path]:
    """Write `count` pairs of seeds seed, seed + 1, .. and a contact sheet `sheet.jpg`; returns the folders.

    Every folder appears complete or not at all. `progress(done, count)` is called after each pair.
    Raises BadFolder if `out_dir` holds anything already, BadParameter for an unknown kind.
    """
    find_kind(kind)
    out_dir = Path(out_dir)
    _refuse_used(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    digits = max(4, len(str(count - 1)))
    folders, rows = [], []
    for index in range(count):
        pair = sample(seed + index, height, width, supersample=2, kind=kind)
        folders.append(write_pair(pair, seed + index, kind, out_dir / f"{index:0{digits}d}"))
        if index < SHEET_ROWS:
            rows.append(sheet_row(pair))
        if progress is not None:
            progress(index + 1, count)
    if rows:
        _write_image(out_dir / "sheet.jpg", contact_sheet(rows))
    return folders


def _refuse_used(out_dir: Path) -> None:
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise BadFolder(
            f"{out_dir} is not an empty folder.", fix="Name a new folder, or empty this one first."
        )


def write_pair(pair: SynthPair, seed: int, kind: str, folder: Path) -> Path:
    """Write one pair into a temporary folder beside `folder`, then rename it."""
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    mask = agnostic_mask(pair.labels, pair.parts, pair.garment_type)
    images = {
        "person": pair.person,
        "garment": pair.garment,
        "target": pair.target,
        "mask": np.where(mask, 255, 0).astype(np.uint8),
        "garment_mask": np.where(pair.garment_mask > 0, 255, 0).astype(np.uint8),
        "labels": pair.labels,
        "parts": pair.parts,
    }
    for name, image in images.items():
        _write_image(unfinished / f"{name}.png", image)
    np.savez_compressed(unfinished / "flow.npz", flow=pair.flow.astype(np.float16))
    keypoints = [[round(float(v), 2) for v in row] for row in pair.keypoints]
    meta = {"garment_type": pair.garment_type, "kind": kind, "seed": seed, "keypoints": keypoints}
    (unfinished / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
    return unfinished.rename(folder)


def _write_image(path: Path, image: np.ndarray) -> None:
    """Write [H, W, 3] RGB or [H, W] uint8."""
    ok, data = cv2.imencode(path.suffix, image[..., ::-1] if image.ndim == 3 else image)
    if not ok:
        raise OSError(f"{path} could not be encoded")
    path.write_bytes(data.tobytes())


def warp(garment: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The flat [H, W, 3] uint8 seen through a flow [h, w, 2]; black where there is none."""
    height, width = garment.shape[:2]
    x = (np.nan_to_num(flow[..., 0], nan=-9) + 1) * width / 2 - 0.5
    y = (np.nan_to_num(flow[..., 1], nan=-9) + 1) * height / 2 - 0.5
    return cv2.remap(garment, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)


def flow_psnr(garment: np.ndarray, flow: np.ndarray, mask: np.ndarray, worn: np.ndarray) -> float:
    """PSNR in dB between the worn garment and the flat warped by the flow times a smooth shading gain.

    Over the pixels where mask is 1: garment and worn uint8 [H, W, 3], flow [H, W, 2], mask [H, W].
    """
    front = mask == 1
    seen = warp(garment, flow).astype(np.float32)
    gain = _masked_blur(worn.mean(2), front) / np.maximum(_masked_blur(seen.mean(2), front), 4)
    error = np.clip(seen * gain[..., None], 0, 255)[front] - worn[front]
    return float(10 * np.log10(255**2 / np.mean(error**2)))


def _masked_blur(image: np.ndarray, mask: np.ndarray, sigma: float = 6.0) -> np.ndarray:
    """Mean of [H, W] over the masked neighbours of each pixel."""
    weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)
    return cv2.GaussianBlur((image * mask).astype(np.float32), (0, 0), sigma) / np.maximum(weight, 1e-3)


def sheet_row(pair: SynthPair) -> np.ndarray:
    """One row [H, 6 W, 3]: person, garment, target, labels, parts, flat warped by the flow."""
    maps = [LABEL_COLOURS[pair.labels], PART_COLOURS[pair.parts], warp(pair.garment, pair.flow)]
    return np.concatenate([pair.person, pair.garment, pair.target, *maps], 1)


def contact_sheet(rows: list[np.ndarray]) -> np.ndarray:
    """Rows below one another, in two columns from eight on."""
    if len(rows) < 8:
        return np.concatenate(rows)
    rows = rows if len(rows) % 2 == 0 else [*rows, np.full_like(rows[0], 255)]
    return np.concatenate([np.concatenate(rows[0::2]), np.concatenate(rows[1::2])], 1)
