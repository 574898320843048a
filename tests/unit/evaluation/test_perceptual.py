"""FID, KID, LPIPS and SSIM by the field's conventions, on networks small enough for a test."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from leffa.errors import BadParameter, FileMissing, ImageTooSmall, UnsupportedWeights
from leffa.evaluation import evaluate
from leffa.evaluation.perceptual import (
    Gallery,
    Likeness,
    Networks,
    check_weights,
    clean_features,
    frechet_distance,
    kernel_distance,
    likeness,
)
from leffa.tryon import TryOnRequest, TryOnResult
from leffa.weights.catalogue import METRICS_FILES


def cloud(count: int, seed: int, shift: float = 0.0, width: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1 + shift, (count, width))


def picture(seed: int, size: tuple[int, int] = (80, 64)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def test_fid_is_the_distance_between_two_normal_distributions() -> None:
    found, true = cloud(90, 0, 0.3), cloud(70, 1)
    A, B = np.cov(found, rowvar=False), np.cov(true, rowvar=False)
    values, vectors = np.linalg.eigh(A)
    root = vectors @ np.diag(np.sqrt(values)) @ vectors.T
    between = np.sqrt(np.linalg.eigvalsh(root @ B @ root)).sum()  # trace of (A B)^(1/2)
    expected = ((found.mean(0) - true.mean(0)) ** 2).sum() + np.trace(A) + np.trace(B) - 2 * between
    assert frechet_distance(torch.tensor(found), torch.tensor(true)) == pytest.approx(expected, rel=1e-6)


def test_kid_is_the_unbiased_mean_discrepancy_under_a_cubic_kernel() -> None:
    found, true = cloud(40, 0, 0.3), cloud(40, 1)  # of equal size below 1000, so every subset is the whole

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def off_diagonal(x: np.ndarray) -> float:
        return float((kernel(x, x).sum() - np.trace(kernel(x, x))) / (40 * 39))

    expected = off_diagonal(found) + off_diagonal(true) - 2 * kernel(found, true).mean()
    assert kernel_distance(torch.tensor(found), torch.tensor(true)) == pytest.approx(expected, rel=1e-6)


def test_kids_subsets_are_the_same_every_time_and_disturb_no_other_draws() -> None:
    found, true = torch.tensor(cloud(60, 0, 0.3)), torch.tensor(cloud(40, 1))
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = kernel_distance(found, true)
    assert torch.rand(1) == expected
    assert kernel_distance(found, true) == first


def test_equal_sets_are_no_distance_apart(networks: Networks) -> None:
    one, other = Gallery(networks), Gallery(networks)
    for seed in range(4):
        one.add(picture(seed))
        other.add(picture(3 - seed))
    distance = one.distance(other)
    assert distance.clean_fid == pytest.approx(0, abs=1e-6)
    assert distance.pytorch_fid == pytest.approx(0, abs=1e-6)


def test_a_set_of_one_picture_is_refused(networks: Networks) -> None:
    one = Gallery(networks)
    one.add(picture(0))
    with pytest.raises(BadParameter, match="at least 2"):
        one.distance(one)


def test_clean_features_see_the_picture_resized_without_rounding() -> None:
    seen: list[torch.Tensor] = []

    def look(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return x[0, :, 0, 0]

    slope = np.linspace(3, 250, 300)[None, :, None] * np.linspace(0.3, 1, 400)[:, None, None]
    shown = np.repeat(slope, 3, axis=2).astype(np.uint8)
    clean_features(look, shown)  # type: ignore[arg-type]
    assert seen[0].shape == (1, 3, 299, 299) and seen[0].dtype == torch.float32
    values = seen[0] * 128 + 128
    assert values.min() >= 0 and values.max() <= 255
    assert (values != values.round()).any()
    rounded = np.asarray(Image.fromarray(shown).resize((299, 299), Image.Resampling.BICUBIC))
    assert np.abs(values[0].permute(1, 2, 0).numpy() - rounded).max() < 2


def test_the_same_picture_is_wholly_like_itself(networks: Networks) -> None:
    assert likeness(networks, picture(0), picture(0)) == Likeness(100.0, pytest.approx(1.0), 0.0, 0.0)


def test_lpips_gets_pictures_from_minus_one_to_one(networks: Networks) -> None:
    black, white = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)
    assert likeness(networks, black, white).lpips_alex == pytest.approx(2.0)


def test_pictures_too_small_for_lpips_are_refused(networks: Networks) -> None:
    with pytest.raises(ImageTooSmall, match="64 pixels"):
        likeness(networks, picture(0, (80, 63)), picture(0, (80, 63)))


def test_absent_networks_are_told_with_the_command_that_brings_them(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="inception-2015-12-05.pt is missing") as told:
        check_weights(tmp_path)
    assert "leffa weights pull metrics" in told.value.fix


def test_other_networks_than_the_published_ones_are_refused(tmp_path: Path) -> None:
    for file in METRICS_FILES:
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file.path).write_bytes(b"something else")
    with pytest.raises(UnsupportedWeights, match="not the published file"):
        check_weights(tmp_path)


def test_an_evaluation_adds_them_for_the_model_and_both_baselines(
    large_pairs: Path, large_oracle: Callable[[TryOnRequest], TryOnResult], networks: Networks
) -> None:
    report = evaluate(large_pairs, tryon=large_oracle, networks=networks)
    written = report.to_json()
    names = {field.name for field in fields(Likeness)} | {"clean_fid", "clean_kid_x1000", "pytorch_fid"}
    assert {name: set(found) for name, found in written["perceptual"].items()} == {
        "model": names, "unchanged": names, "pasted": names
    }  # fmt: skip
    assert written["perceptual"]["model"]["clean_fid"] == pytest.approx(0, abs=1e-3)
    assert written["perceptual"]["unchanged"]["lpips_alex"] > 0
    assert written["per_case"][0]["lpips_squeeze"] == 0
    assert written["perceptual_settings"]["weights"] == networks.hashes
    assert "clean-FID (lower is better)" in dict(report.rows())


def test_what_they_cannot_measure_is_told_before_any_work(
    pairs: Path, large_pairs: Path, networks: Networks
) -> None:
    def never(request: TryOnRequest) -> TryOnResult:
        raise AssertionError("asked before the pictures were checked")

    with pytest.raises(ImageTooSmall):
        evaluate(pairs, tryon=never, networks=networks)
    with pytest.raises(BadParameter, match="at least 2"):
        evaluate(large_pairs, limit=1, tryon=never, networks=networks)
