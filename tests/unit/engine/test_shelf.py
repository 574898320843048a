"""Which models are here, and which of them answers a request."""

from pathlib import Path

import pytest

from leffa.engine.shelf import Shelf, find_shelf
from leffa.errors import UnknownModel
from leffa.mini import model as mini
from leffa.settings import Settings


def shelf_of(folder: Path, **settings: object) -> Shelf:
    return find_shelf(Settings(**{"_env_file": None, "model_path": folder, **settings}))


@pytest.mark.parametrize(
    ("present", "default"),
    [
        ([], "mini"),
        (["pose_transfer"], "mini"),
        (["dress_code"], "dress_code"),
        (["dress_code", "viton_hd", "pose_transfer"], "viton_hd"),
    ],
)
def test_the_best_model_that_is_here_is_the_default(official, present: list[str], default: str) -> None:
    assert shelf_of(official(*present)).default == default


@pytest.mark.parametrize(
    ("present", "garment_type", "chosen"),
    [
        ([], "dresses", "mini"),
        (["viton_hd"], "dresses", "viton_hd"),
        (["viton_hd", "dress_code"], "upper_body", "viton_hd"),
        (["viton_hd", "dress_code"], "lower_body", "dress_code"),
        (["viton_hd", "dress_code"], "dresses", "dress_code"),
        (["dress_code"], "upper_body", "dress_code"),
    ],
)
def test_the_garment_type_decides_where_no_model_is_named(
    official, present: list[str], garment_type: str, chosen: str
) -> None:
    assert shelf_of(official(*present)).choose("tryon", garment_type).id == chosen


def test_a_model_that_is_named_answers_whatever_the_garment(official) -> None:
    shelf = shelf_of(official("viton_hd", "dress_code"))
    assert shelf.choose("tryon", "dresses", "viton_hd").id == "viton_hd"
    assert shelf.choose("tryon", "dresses", "mini").id == "mini"


def test_a_model_that_the_settings_name_answers_all_garments(official) -> None:
    shelf = shelf_of(official("viton_hd", "dress_code"), model="mini")
    assert {shelf.choose("tryon", kind).id for kind in ("upper_body", "dresses")} == {"mini"}
    shelf = shelf_of(official("pose_transfer"), model="pose_transfer")
    assert (shelf.choose("pose").id, shelf.choose("tryon", "dresses").id) == ("pose_transfer", "dress_code")


def test_a_first_choice_that_does_not_load_is_passed_over(official) -> None:
    shelf = shelf_of(official("viton_hd", "dress_code"))
    assert shelf.choose("tryon", "dresses", avoid={"dress_code"}).id == "viton_hd"
    assert shelf.choose("tryon", "dresses", "dress_code", avoid={"dress_code"}).id == "dress_code"


def test_pose_transfer_has_a_model_of_its_own(official) -> None:
    assert shelf_of(official("pose_transfer")).choose("pose").id == "pose_transfer"
    with pytest.raises(UnknownModel, match="for pose transfer"):
        shelf_of(official("pose_transfer")).choose("tryon", "dresses", "pose_transfer")
    with pytest.raises(UnknownModel, match="for try-on"):
        shelf_of(official("pose_transfer")).choose("pose", wanted="mini")


@pytest.mark.parametrize(("task", "wanted"), [("tryon", "viton_hd"), ("pose", None)])
def test_missing_weights_say_how_to_get_them(official, task: str, wanted: str | None) -> None:
    with pytest.raises(UnknownModel) as caught:
        shelf_of(official()).choose(task, wanted=wanted)
    assert f"leffa weights pull {wanted or 'pose_transfer'}" in caught.value.fix
    assert caught.value.allowed == (["mini"] if task == "tryon" else [])


def test_the_command_names_the_parts_that_are_set(official) -> None:
    models = shelf_of(official(), parser="schp", keypoints="mediapipe").models
    assert models["dress_code"].command == "leffa weights pull dress_code --parser schp --keypoints mediapipe"
    assert models["pose_transfer"].command == "leffa weights pull pose_transfer"
    assert models["mini"].command is None


def test_missing_parts_of_a_present_model_are_named(official) -> None:
    folder = official("viton_hd")
    known = shelf_of(folder).models["viton_hd"]
    assert known.present and known.command
    assert {"densepose/model_final_162be9.pkl", "openpose/body_pose_model.pth"} <= set(known.missing)
    assert "virtual_tryon.pth" not in known.missing


def test_a_converted_checkpoint_counts_and_is_half_the_size(official) -> None:
    folder = official("viton_hd", size=1000)
    assert shelf_of(folder).models["viton_hd"].size == 500
    (folder / "virtual_tryon.pth").unlink()
    (folder / "virtual_tryon.safetensors").write_bytes(bytes(400))
    known = shelf_of(folder).models["viton_hd"]
    assert (known.present, known.size) == (True, 400)
    assert "virtual_tryon.pth" not in known.missing


def test_non_commercial_models_can_be_refused(official) -> None:
    shelf = shelf_of(official("viton_hd"), allow_non_commercial=False)
    assert shelf.default == "mini"
    with pytest.raises(UnknownModel, match="exclude commerce") as caught:
        shelf.choose("tryon", wanted="viton_hd")
    assert "pull" not in caught.value.fix


def test_a_model_that_does_not_exist_stops_the_start(official) -> None:
    with pytest.raises(UnknownModel, match="enormous"):
        shelf_of(official(), model="enormous")


def test_the_listed_defaults_are_those_of_the_models(official) -> None:
    known = shelf_of(official()).models["mini"]
    assert known.default_steps == mini.MiniModel.default_steps
    assert known.default_guidance == mini.MiniModel.default_guidance
