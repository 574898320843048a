"""The four folder layouts as tensors, and what `leffa train check` finds in them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from leffa.cli import app
from leffa.errors import BadFile, BadFolder, BadParameter, FileMissing
from leffa.preprocess.densepose import PART_COLOURS
from leffa.training.check import Fault, find_faults, find_missing, require_none
from leffa.training.datasets import Samples, open_source
from leffa.weights.catalogue import SPECS

HEIGHT, WIDTH = 96, 72
TOP = slice(20, 60)  # rows of the garment in every picture here
SHAPES = {
    "person": (3, HEIGHT, WIDTH),
    "target": (3, HEIGHT, WIDTH),
    "garment": (3, HEIGHT, WIDTH),
    "densepose": (3, HEIGHT, WIDTH),
    "mask": (1, HEIGHT, WIDTH),
    "garment_mask": (1, HEIGHT, WIDTH),
}


def photo(path: Path, level: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level, level, level)).save(path)


def drawn(path: Path, value: int, palette: bool = False) -> None:
    """`value` in the garment's rows, 0 elsewhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    picture[TOP] = value
    image = Image.fromarray(picture)
    if palette:
        image = image.convert("P")
        image = Image.frombytes("P", (WIDTH, HEIGHT), picture.tobytes())
        image.putpalette([level for colour in range(256) for level in (colour, 0, 255 - colour)])
    image.save(path)


@pytest.fixture
def viton_hd(tmp_path: Path) -> Path:
    train = tmp_path / "train"
    (tmp_path / "train_pairs.txt").write_text("00000_00.jpg 00001_00.jpg\n00001_00.jpg 00000_00.jpg\n")
    for name, level in (("00000_00", 80), ("00001_00", 160)):
        photo(train / "image" / f"{name}.jpg", level)
        photo(train / "cloth" / f"{name}.jpg", level + 20)
        photo(train / "image-densepose" / f"{name}.jpg", 30)
        drawn(train / "image-parse-v3" / f"{name}.png", 5, palette=True)
        drawn(train / "agnostic-mask" / f"{name}_mask.png", 255)
    return tmp_path


@pytest.fixture
def dress_code(tmp_path: Path) -> Path:
    for category, label in (("upper_body", 4), ("lower_body", 5), ("dresses", 7)):
        folder = tmp_path / category
        photo(folder / "images" / "000001_0.jpg", 80)
        photo(folder / "images" / "000001_1.jpg", 100)
        drawn(folder / "dense" / "000001_5.png", 24)
        drawn(folder / "label_maps" / "000001_4.png", label, palette=True)
        drawn(folder / "agnostic_masks" / "000001_0.png", 255)
        (folder / "train_pairs.txt").write_text("000001_0.jpg\t000001_1.jpg\n")
    return tmp_path


def samples(kind: str, folder: Path, model: str) -> Samples:
    return Samples(open_source(kind, folder, SPECS[model]), HEIGHT, WIDTH)


def level(byte: int) -> float:
    return byte / 255 * 2 - 1


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("viton_hd", "viton_hd"),
        ("dress_code", "dress_code"),
        ("dress_code", "viton_hd"),
        ("deepfashion", "pose_transfer"),
        ("pairs", "viton_hd"),
        ("pairs", "dress_code"),
    ],
)
def test_every_layout_gives_the_same_tensors(kind: str, model: str, request: pytest.FixtureRequest) -> None:
    for sample in samples(kind, request.getfixturevalue(kind), model):
        assert {name: tuple(tensor.shape) for name, tensor in sample.items()} == SHAPES
        for name, tensor in sample.items():
            lowest = 0 if "mask" in name else -1
            assert tensor.dtype == torch.float32 and lowest <= tensor.min() and tensor.max() <= 1
        assert set(sample["mask"].unique().tolist()) <= {0, 1} and sample["garment_mask"].any()


def test_viton_hd_is_trained_on_peoples_own_garments(viton_hd: Path) -> None:
    first, second = samples("viton_hd", viton_hd, "viton_hd")
    assert second["person"].mean() == pytest.approx(level(160), abs=0.02)
    assert second["garment"].mean() == pytest.approx(level(180), abs=0.02)
    assert torch.equal(first["person"], first["target"])
    for name in ("mask", "garment_mask"):
        assert (first[name][:, TOP] == 1).all() and first[name].mean() == pytest.approx(40 / HEIGHT)


def test_dress_code_knows_each_category_by_its_labels(dress_code: Path) -> None:
    data = samples("dress_code", dress_code, "dress_code")
    assert [case.garment_type for case in data.source.cases] == ["upper_body", "lower_body", "dresses"]
    for sample in data:
        assert (sample["garment_mask"][:, TOP] == 1).all()
        assert sample["densepose"][:, 40, 36].tolist() == pytest.approx([level(24)] * 3)


def test_the_body_is_painted_as_the_model_takes_it(dress_code: Path) -> None:
    sample = samples("dress_code", dress_code, "viton_hd")[0]
    colour = [level(int(byte)) for byte in PART_COLOURS[24]]
    assert sample["densepose"][:, 40, 36].tolist() == pytest.approx(colour)


def test_deepfashion_repaints_the_whole_pose_picture_by_the_other_one(deepfashion: Path) -> None:
    (sample,) = samples("deepfashion", deepfashion, "pose_transfer")
    assert (sample["mask"] == 1).all()
    middle = (slice(None), 40, 36)
    assert sample["target"][middle].mean() == pytest.approx(level(160), abs=0.02)
    assert sample["garment"][middle].mean() == pytest.approx(level(80), abs=0.02)
    assert sample["densepose"][middle].tolist() == pytest.approx([level(255), level(127), level(24)])
    border = (slice(None), 40, 1)
    assert (sample["target"][border] == 1).all() and (sample["densepose"][border] == -1).all()


def test_in_a_pairs_folder_the_target_wears_the_garment(pairs: Path) -> None:
    sample = samples("pairs", pairs, "viton_hd")[0]
    changed = (sample["person"] - sample["target"]).abs().mean(0, keepdim=True) > 0.2
    assert (changed & (sample["garment_mask"] > 0.5)).sum() > 0.5 * changed.sum()


def test_a_model_that_takes_another_picture_of_the_body_is_refused(viton_hd: Path) -> None:
    with pytest.raises(BadParameter, match="no DensePose picture for dress_code") as refused:
        open_source("viton_hd", viton_hd, SPECS["dress_code"])
    assert refused.value.allowed == ["dress_code", "pairs"]


@pytest.mark.parametrize("kind", ["viton_hd", "dress_code", "deepfashion", "pairs"])
def test_an_empty_folder_is_refused(tmp_path: Path, kind: str) -> None:
    model = {"dress_code": "dress_code", "deepfashion": "pose_transfer"}.get(kind, "viton_hd")
    with pytest.raises((FileMissing, BadFolder)):
        open_source(kind, tmp_path, SPECS[model])


def test_colours_are_no_labels(viton_hd: Path) -> None:
    photo(viton_hd / "train" / "image-parse-v3" / "00000_00.png", 5)
    with pytest.raises(BadFile, match="colours"):
        samples("viton_hd", viton_hd, "viton_hd")[0]


def test_check_names_what_is_missing_damaged_or_of_another_shape(viton_hd: Path) -> None:
    train = viton_hd / "train"
    (train / "cloth" / "00001_00.jpg").unlink()
    damaged = train / "image" / "00000_00.jpg"
    damaged.write_bytes(damaged.read_bytes()[:300])
    photo(train / "image-densepose" / "00001_00.jpg", 0, (WIDTH, WIDTH))
    source = open_source("viton_hd", viton_hd, SPECS["viton_hd"])
    calls: list[tuple[int, int]] = []
    faults = {fault.path.name: fault.words for fault in find_faults(source, lambda *call: calls.append(call))}
    assert calls == [(1, 2), (2, 2)]
    found = {(fault.path.parent.name, fault.path.name) for fault in find_faults(source, lambda *_: None)}
    assert found == {
        ("image", "00000_00.jpg"),
        ("cloth", "00001_00.jpg"),
        ("image-densepose", "00001_00.jpg"),
    }
    assert "not a readable picture" in faults["00000_00.jpg"]
    assert [fault.path.parent.name for fault in find_missing(source)] == ["cloth"]


def test_files_of_one_frame_may_differ_in_size(viton_hd: Path) -> None:
    photo(viton_hd / "train" / "image-densepose" / "00000_00.jpg", 0, (WIDTH // 2, HEIGHT // 2))
    source = open_source("viton_hd", viton_hd, SPECS["viton_hd"])
    assert find_faults(source, lambda *_: None) == []


def test_twenty_faults_are_named_and_all_are_counted() -> None:
    told: list[str] = []
    faults = [Fault(Path(f"{number}.png"), "is missing") for number in range(30)]
    with pytest.raises(BadFolder, match="30 files"):
        require_none(faults, told.append)
    assert len(told) == 20 and told[0] == "0.png is missing"


def test_the_command_ends_with_one_line_and_exit_2(viton_hd: Path) -> None:
    config = viton_hd / "run.yaml"
    config.write_text(
        f"model: viton_hd\ndata: {{kind: viton_hd, folder: {viton_hd}}}\nout: {viton_hd / 'run'}\n"
        "start: random\nstages: [{height: 96, width: 72, steps: 1, batch: 1}]\n"
    )
    fine = CliRunner().invoke(app, ["train", "check", str(config)])
    assert fine.exit_code == 0 and "2 samples, every file opens" in fine.output
    (viton_hd / "train" / "cloth" / "00001_00.jpg").unlink()
    broken = CliRunner().invoke(app, ["train", "check", str(config)])
    assert broken.exit_code == 2
    assert "cloth/00001_00.jpg is missing" in broken.output
    assert broken.output.strip().splitlines()[-1].startswith("bad_folder: 1 file of the training data")
