import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leffa.errors import BadFile, BadFolder, BadParameter, FileMissing
from leffa.evaluation.pairs import find_cases, read_pair

FILES = ("person.png", "garment.png", "target.png", "mask.png", "garment_mask.png", "meta.json")


def test_a_case_is_read_whole(pairs: Path) -> None:
    pair = read_pair(pairs / "004")
    assert (pair.name, pair.garment_type, pair.seed) == ("004", "lower_body", 4)
    assert pair.person.shape == pair.target.shape == (48, 40, 3)
    assert pair.mask.dtype == pair.garment_mask.dtype == np.bool_
    assert pair.garment_mask.sum() == 20 * 16


def test_sixteen_bits_are_scaled_and_photos_turned_upright(pairs: Path) -> None:
    case = pairs / "004"
    plain = read_pair(case)
    grey = np.array(Image.open(case / "person.png").convert("L"), np.uint16)
    Image.fromarray(grey * 257).save(case / "person.png")
    turned = Image.open(case / "target.png").transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned back
    turned.save(case / "target.png", exif=exif)
    pair = read_pair(case)
    assert np.array_equal(pair.person[..., 0], grey)
    assert np.array_equal(pair.target, plain.target)


def test_cases_come_by_name_and_hidden_folders_are_left_out(pairs: Path) -> None:
    (pairs / ".cache").mkdir()
    (pairs / "sheet.jpg").touch()
    assert [case.name for case in find_cases(pairs)] == ["000", "001", "002", "003", "004"]
    assert [case.name for case in find_cases(pairs, limit=2)] == ["000", "001"]
    assert len(find_cases(pairs, limit=99)) == 5


def test_folders_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="nowhere"):
        find_cases(tmp_path / "nowhere")
    with pytest.raises(BadFolder, match="no cases"):
        find_cases(tmp_path)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(pairs: Path, limit: int) -> None:
    with pytest.raises(BadParameter):
        find_cases(pairs, limit)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(pairs: Path, name: str) -> None:
    (pairs / "002" / name).unlink()
    with pytest.raises(FileMissing, match=f"002/{name} is missing"):
        read_pair(pairs / "002")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["empty", "cut", "noise"])
def test_a_damaged_file_is_named(pairs: Path, name: str, damage: str) -> None:
    path = pairs / "002" / name
    whole = path.read_bytes()
    damaged = {"empty": b"", "cut": whole[: len(whole) // 2], "noise": b"\x00\xff" + whole[2:]}[damage]
    path.write_bytes(damaged)
    with pytest.raises(BadFile, match=f"002/{name}"):
        read_pair(pairs / "002")


def test_a_damaged_chunk_is_named(pairs: Path) -> None:
    path = pairs / "000" / "target.png"
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 8] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(BadFile, match="000/target.png"):
        read_pair(pairs / "000")


@pytest.mark.parametrize("name", ["target", "mask", "garment_mask"])
def test_another_size_is_named_with_both_sizes(pairs: Path, name: str) -> None:
    Image.new("RGB", (20, 24), "white").save(pairs / "001" / f"{name}.png")
    with pytest.raises(BadFolder, match=rf"001/{name}\.png is 20 x 24 .* person\.png is 40 x 48"):
        read_pair(pairs / "001")


@pytest.mark.parametrize("name", ["mask", "garment_mask"])
def test_a_mask_without_a_mark_is_named(pairs: Path, name: str) -> None:
    Image.new("L", (40, 48), 1).save(pairs / "001" / f"{name}.png")
    with pytest.raises(BadFile, match=f"001/{name}.png marks no pixel"):
        read_pair(pairs / "001")


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ([], "no JSON object"),
        ({"seed": 1}, "garment_type is None"),
        ({"garment_type": "hat", "seed": 1}, "garment_type is 'hat'"),
        ({"garment_type": ["hat"], "seed": 1}, "garment_type is"),
        ({"garment_type": "dresses"}, "seed is None"),
        ({"garment_type": "dresses", "seed": -1}, "seed is -1"),
        ({"garment_type": "dresses", "seed": "7"}, "seed is '7'"),
        ({"garment_type": "dresses", "seed": True}, "seed is True"),
    ],
)
def test_wrong_facts_are_named(pairs: Path, facts: object, told: str) -> None:
    (pairs / "003" / "meta.json").write_text(json.dumps(facts))
    with pytest.raises(BadFile, match=f"003/meta.json.*{told}"):
        read_pair(pairs / "003")


def test_grey_and_palette_pictures_and_a_transparent_garment_are_read(pairs: Path) -> None:
    case = pairs / "000"
    for name, mode in (("person.png", "L"), ("target.png", "P")):
        with Image.open(case / name) as picture:
            converted = picture.convert(mode)
        converted.save(case / name)
    Image.new("RGBA", (9, 7), (1, 2, 3, 0)).save(case / "garment.png")
    pair = read_pair(case)
    assert pair.person.shape == pair.target.shape == (48, 40, 3)
    assert pair.garment.shape == (7, 9, 4)
