"""What the catalogue promises, and the licences that go with it."""

import pytest

from leffa.errors import Unavailable, UnknownModel
from leffa.weights.catalogue import (
    HUB,
    METRICS,
    METRICS_FILES,
    SEGFORMER_HUB,
    SPECS,
    all_files,
    files_of,
    find_models,
)
from leffa.weights.licences import INGREDIENTS, bill, non_commercial, refuse_non_commercial


def names(model: str, **choices: str) -> set[str]:
    return {file.path for file in files_of(SPECS[model], **choices)}  # type: ignore[arg-type]


def test_a_try_on_needs_checkpoint_base_and_everything_that_looks_at_a_person() -> None:
    assert names("viton_hd") == {
        "virtual_tryon.pth",
        "stable-diffusion-inpainting/unet/config.json",
        "stable-diffusion-inpainting/vae/config.json",
        "stable-diffusion-inpainting/scheduler/scheduler_config.json",
        "densepose/model_final_162be9.pkl",
        "humanparsing/parsing_atr.onnx",
        "humanparsing/parsing_lip.onnx",
        "openpose/body_pose_model.pth",
    }


def test_pose_transfer_needs_no_clothes_and_no_joints() -> None:
    assert not any(name.startswith(("humanparsing", "schp", "openpose")) for name in names("pose_transfer"))


def test_other_parsers_and_keypoints_replace_theirs() -> None:
    found = names("dress_code", parser="segformer", keypoints="mediapipe")
    assert "humanparsing/segformer/model.safetensors" in found
    assert not any(name.endswith(".onnx") or name.startswith("openpose") for name in found)


def test_every_file_is_listed_once_and_has_a_licence() -> None:
    files = all_files()
    assert len({file.path for file in files}) == len(files)
    assert {file.licence for file in files} <= INGREDIENTS.keys()
    assert {file.repo for file in files} == {HUB, SEGFORMER_HUB}
    assert all(file.hub_path == "config.json" for file in files if file.path.endswith("former/config.json"))


def test_no_names_are_all_models_and_wrong_ones_are_told() -> None:
    assert find_models([]) == list(SPECS.values())
    assert [spec.id for spec in find_models(["dress_code", "viton_hd", "dress_code"])] == [
        "dress_code",
        "viton_hd",
    ]
    with pytest.raises(UnknownModel, match="sdxl"):
        find_models(["sdxl"])


@pytest.mark.parametrize("model", SPECS)
def test_the_bill_names_code_weights_and_data(model: str) -> None:
    assert {entry.part for entry in bill(model)} == {"code", "weights", "training data"}


def test_every_official_model_has_non_commercial_parts_and_the_embedded_one_none() -> None:
    assert {entry.name for entry in non_commercial("viton_hd")} >= {"VITON-HD", "OpenPose body model"}
    assert all(non_commercial(model, "segformer", "mediapipe") for model in SPECS)
    assert non_commercial("mini") == []


def test_what_is_not_used_is_not_on_the_bill() -> None:
    assert "OpenPose body model" not in {entry.name for entry in bill("viton_hd", keypoints="mediapipe")}
    assert "OpenPose body model" not in {entry.name for entry in bill("pose_transfer")}


def test_a_refusal_names_the_parts() -> None:
    refuse_non_commercial("mini")
    with pytest.raises(Unavailable, match=r"Dress Code \(own terms"):
        refuse_non_commercial("dress_code")
    with pytest.raises(UnknownModel):
        bill("sdxl")


def test_the_metrics_networks_have_addresses_checksums_and_licences() -> None:
    for file in METRICS_FILES:
        assert file.path.startswith("metrics/") and file.url.startswith("https://")
        assert len(file.sha256) == 64 and file.licence in INGREDIENTS
        assert file not in all_files()  # no model needs them, and nothing converts them
    assert "ImageNet" in {entry.name for entry in non_commercial(METRICS)}
