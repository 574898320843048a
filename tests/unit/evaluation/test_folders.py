"""Pictures that are made already, scored folder against folder."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leffa.errors import BadFile, BadFolder, FileMissing
from leffa.evaluation.folders import match_folders, score_folders
from leffa.evaluation.perceptual import Networks


def write(folder: Path, names: list[str], size: tuple[int, int] = (64, 80), seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    for name in names:
        Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).save(folder / name)
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return write(tmp_path / "made", ["00001_00.png", "00002_00.png", "00003_00.png"], seed=1)


@pytest.fixture
def true(tmp_path: Path) -> Path:
    return write(tmp_path / "true", ["00001_00.jpg", "00002_00.jpg", "00003_00.jpg"], seed=2)


def test_pictures_are_paired_by_name_whatever_their_format(made: Path, true: Path) -> None:
    matched = match_folders(made, true, paired=True)
    assert list(matched.predictions) == list(matched.truth) == ["00001_00", "00002_00", "00003_00"]


def test_a_name_that_only_one_folder_has_is_refused_when_paired(made: Path, true: Path) -> None:
    (true / "00002_00.jpg").rename(true / "00009_00.jpg")
    with pytest.raises(BadFolder, match=r"00002_00.*00009_00"):
        match_folders(made, true, paired=True)


def test_and_told_when_unpaired(made: Path, true: Path, networks: Networks) -> None:
    (true / "00002_00.jpg").rename(true / "00009_00.jpg")
    report = score_folders(match_folders(made, true, paired=False), networks, paired=False)
    assert report.to_json()["unmatched"] == {"predictions": ["00002_00"], "truth": ["00009_00"]}


@pytest.mark.parametrize("stray", ["sheet.pdf", "notes.txt", "more"])
def test_stray_files_and_folders_are_refused(made: Path, true: Path, stray: str) -> None:
    (true / stray).mkdir() if stray == "more" else (true / stray).touch()
    with pytest.raises(BadFolder, match=stray):
        match_folders(made, true, paired=False)


def test_hidden_files_are_left_out(made: Path, true: Path) -> None:
    (true / ".DS_Store").touch()
    assert len(match_folders(made, true, paired=True).truth) == 3


def test_one_name_twice_is_refused(made: Path, true: Path) -> None:
    write(made, ["00001_00.jpg"])
    with pytest.raises(BadFolder, match="two pictures named 00001_00"):
        match_folders(made, true, paired=True)


@pytest.mark.parametrize("paired", [True, False])
def test_other_sizes_are_refused_and_never_resized(made: Path, true: Path, paired: bool) -> None:
    write(made, ["00003_00.png"], size=(96, 128))
    with pytest.raises(BadFolder, match="96 x 128 pixels.*64 x 80"):
        match_folders(made, true, paired)


def test_a_damaged_picture_is_named_before_any_work(made: Path, true: Path) -> None:
    (made / "00003_00.png").write_bytes((made / "00003_00.png").read_bytes()[:900])
    with pytest.raises(BadFile, match="00003_00.png"):
        match_folders(made, true, paired=True)


def test_folders_that_are_none_or_hold_too_little_are_refused(made: Path, tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="nowhere"):
        match_folders(made, tmp_path / "nowhere", paired=True)
    with pytest.raises(BadFolder, match="no pictures"):
        match_folders(made, write(tmp_path / "empty", []), paired=False)
    with pytest.raises(BadFolder, match="at least 2"):
        match_folders(made, write(tmp_path / "one", ["1.png"]), paired=False)


def test_pictures_too_small_for_lpips_are_refused_when_paired(tmp_path: Path) -> None:
    folders = [write(tmp_path / name, ["1.png", "2.png"], size=(40, 90)) for name in ("a", "b")]
    with pytest.raises(BadFolder, match="64 pixels"):
        match_folders(folders[0], folders[1], paired=True)


def test_paired_figures_are_means_over_pictures_beside_those_of_the_sets(
    made: Path, true: Path, networks: Networks
) -> None:
    told: list[tuple[str, int, int]] = []
    report = score_folders(
        match_folders(made, true, paired=True), networks, True, lambda *step: told.append(step)
    )
    written = report.to_json()
    assert (written["setting"], written["cases"]) == ("paired", 3)
    assert list(written["mean"]) == [
        "psnr_db", "ssim", "lpips_squeeze", "lpips_alex", "clean_fid", "clean_kid_x1000", "pytorch_fid"
    ]  # fmt: skip
    each = [case["ssim"] for case in written["per_case"]]
    assert written["mean"]["ssim"] == pytest.approx(np.mean(each), abs=1e-5)
    assert written["formats"] == {"predictions": ["png"], "truth": ["jpg"]}
    assert written["perceptual_settings"]["kid"] == {"subsets": 100, "largest_subset": 1000, "seed": 0}
    assert {"torchmetrics", "torch"} <= set(written["versions"]) and "date" in written
    assert told[0] == ("predictions", 1, 3) and told[-1] == ("truth", 3, 3)


def test_unpaired_figures_are_those_of_the_sets_alone(made: Path, true: Path, networks: Networks) -> None:
    written = score_folders(match_folders(made, true, False), networks, False).to_json()
    assert list(written["mean"]) == ["clean_fid", "clean_kid_x1000", "pytorch_fid"]
    assert written["per_case"] == []
