"""Pairs folders follow their contract."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leffa.errors import LeffaError
from leffa.synth import sample, write_pairs


def test_folder_holds_what_the_contract_names(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    folders = write_pairs(2, 7, tmp_path / "pairs", 256, 192, lambda done, total: steps.append((done, total)))
    assert [folder.name for folder in folders] == ["0000", "0001"]
    assert steps == [(1, 2), (2, 2)]
    assert (tmp_path / "pairs" / "sheet.jpg").stat().st_size > 1000
    pair = sample(8, supersample=2)
    case = folders[1]
    meta = json.loads((case / "meta.json").read_text())
    assert meta["garment_type"] == pair.garment_type and meta["seed"] == 8
    assert np.allclose(meta["keypoints"], pair.keypoints, atol=0.01)
    for name in ("person", "garment", "target", "labels", "parts"):
        assert np.array_equal(np.asarray(Image.open(case / f"{name}.png")), getattr(pair, name))
    for name in ("mask", "garment_mask"):
        assert set(np.unique(np.asarray(Image.open(case / f"{name}.png"))).tolist()) <= {0, 255}


def test_a_used_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(LeffaError):
        write_pairs(1, 0, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_interrupted_run_leaves_no_half_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from leffa.synth import pairs

    write = pairs._write_image

    def fail_on_target(path: Path, image: np.ndarray) -> None:
        if path.name == "target.png":
            raise OSError("disk full")
        write(path, image)

    monkeypatch.setattr(pairs, "_write_image", fail_on_target)
    with pytest.raises(OSError, match="disk full"):
        write_pairs(1, 0, tmp_path / "pairs")
    assert [p for p in (tmp_path / "pairs").iterdir() if not p.name.startswith(".")] == []
