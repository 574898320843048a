"""A picture says how it was made, and only its own inputs and weights make it again."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from leffa import images, provenance
from leffa.errors import FileMissing, NoProvenance, ReplayMismatch
from leffa.provenance import Record


@pytest.fixture
def record() -> Record:
    return Record(
        model="mini",
        weights="embedded",
        weights_sha256="ab" * 32,
        seed=7,
        device="cpu",
        dtype="float32",
        parameters={"inference_steps": 8, "guidance_scale": 2.5, "repaint": False},
        inputs={"person": provenance.sha256(b"person"), "garment": provenance.sha256(b"garment")},
        versions=provenance.versions(),
    )


@pytest.fixture
def pixels() -> np.ndarray:
    return np.full((40, 40, 3), 90, np.uint8)


@pytest.mark.parametrize("kind", list(images.WRITE_FORMATS))
def test_the_record_survives_in_every_format(record: Record, pixels: np.ndarray, kind: str) -> None:
    signed = provenance.sign(pixels, kind, record)
    assert provenance.read(signed) == record
    assert provenance.SOURCE_TYPE.encode() in signed
    assert signed == provenance.sign(pixels, kind, record)


@pytest.mark.parametrize("text", ["", "not json", "[]", "{}", '{"seed": 1}', "null"])
def test_other_pictures_have_none(pixels: np.ndarray, text: str) -> None:
    with pytest.raises(NoProvenance):
        provenance.read(images.encode(pixels, "png", {provenance.CHUNK: text}))


def test_changed_inputs_and_weights_are_noticed(record: Record) -> None:
    provenance.check_inputs(record, {"person": b"person", "garment": b"garment"})
    provenance.check_weights(record, "ab" * 32)
    for inputs in ({"person": b"person"}, {"person": b"other", "garment": b"garment"}):
        with pytest.raises(ReplayMismatch):
            provenance.check_inputs(record, inputs)
    with pytest.raises(ReplayMismatch):
        provenance.check_weights(record, "cd" * 32)


def test_other_preprocessors_are_noticed_by_their_setting(record: Record, pixels: np.ndarray) -> None:
    seen = replace(record, preprocessors={"parser": "schp", "densepose": "torch"})
    assert provenance.read(provenance.sign(pixels, "png", seen)) == seen
    provenance.check_preprocessors(seen, {"parser": "schp", "densepose": "torch"})
    with pytest.raises(ReplayMismatch, match="parser=schp, here it is onnx") as error:
        provenance.check_preprocessors(seen, {"parser": "onnx", "densepose": "torch"})
    assert "LEFFA_PARSER=schp" in error.value.fix


def test_pictures_of_before_they_were_recorded_are_read(record: Record, pixels: np.ndarray) -> None:
    told = asdict(record)
    del told["preprocessors"]
    old = provenance.read(images.encode(pixels, "png", {provenance.CHUNK: json.dumps(told)}))
    assert old == record
    provenance.check_preprocessors(old, {"parser": "onnx"})


def test_no_folder_of_a_user_is_told(record: Record) -> None:
    paths = {"person": Path("/home/somebody/secret/me.jpg"), "garment": Path("shop/shirt.png")}
    assert provenance.with_files(record, paths).files == {"person": "me.jpg", "garment": "shop/shirt.png"}


def test_inputs_are_found_beside_the_picture(record: Record, tmp_path: Path) -> None:
    (tmp_path / "me.jpg").write_bytes(b"person")
    named = provenance.with_names(record, {"person": "me.jpg", "garment": "gone.png"})
    assert provenance.find_input(named, "person", tmp_path / "out.png") == tmp_path / "me.jpg"
    with pytest.raises(FileMissing, match="gone.png"):
        provenance.find_input(named, "garment", tmp_path / "out.png")
    with pytest.raises(FileMissing):
        provenance.find_input(record, "person", tmp_path / "out.png")


def test_versions_name_what_decides_over_the_pixels() -> None:
    assert set(provenance.versions()) == {"leffa", "torch", "diffusers"}
    assert all(version[0].isdigit() for version in provenance.versions().values())
