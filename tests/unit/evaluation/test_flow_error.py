"""How far a model's flow is from the true one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leffa.errors import BadFile, BadFolder
from leffa.evaluation import evaluate
from leffa.evaluation.metrics import flow_error
from leffa.evaluation.pairs import read_pair
from leffa.synth import sample, write_pairs
from leffa.tryon import TryOnRequest, TryOnResult

Model = Callable[[TryOnRequest], TryOnResult]
GARMENT = (30, 24, 3)


def straight(height: int, width: int) -> np.ndarray:
    """Every cell comes from the same place of the garment picture."""
    x, y = ((2 * np.arange(count) + 1) / count - 1 for count in (width, height))
    return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)


def test_the_true_flow_has_no_error_at_any_resolution() -> None:
    true = straight(48, 40)
    assert flow_error(true, true, GARMENT) == 0
    coarse = flow_error(straight(24, 20), true, GARMENT)
    assert coarse is not None and coarse < 0.1


def test_the_error_counts_the_garment_pictures_pixels() -> None:
    true = straight(48, 40)
    assert flow_error(true + np.float32([0.5, 0]), true, GARMENT) == pytest.approx(6, rel=1e-5)
    assert flow_error(true + np.float32([0, 0.5]), true, GARMENT) == pytest.approx(7.5, rel=1e-5)


def test_only_known_places_count_and_unknown_answers_are_far_off() -> None:
    true, found = straight(48, 40), straight(48, 40)
    true[:24] = np.nan
    found[:24] = 9
    assert flow_error(found, true, GARMENT) == 0
    assert flow_error(np.full_like(true, np.nan), true, GARMENT) is None
    assert flow_error(found, np.full_like(true, np.nan), GARMENT) is None


def test_synthetic_pairs_bring_their_flow(tmp_path: Path) -> None:
    (case,) = write_pairs(1, 8, tmp_path / "pairs", 128, 96)
    flow, pair = read_pair(case).flow, sample(8, 128, 96, supersample=2)
    assert flow is not None
    assert np.allclose(flow, pair.flow, atol=1e-3, equal_nan=True)
    assert (np.isfinite(flow).all(axis=2) == (pair.garment_mask == 1)).all()


def with_flow(oracle: Model, shift: float) -> Model:
    return lambda request: replace(oracle(request), flow=straight(48, 40) + np.float32([shift, 0]))


def test_an_evaluation_tells_it_where_the_folder_has_a_flow(pairs: Path, oracle: Model) -> None:
    np.savez(pairs / "000" / "flow.npz", flow=straight(48, 40))
    report = evaluate(pairs, tryon=with_flow(oracle, 0.5))
    assert [case.flow_error_px for case in report.cases] == [pytest.approx(6, rel=1e-5), *[None] * 4]
    written = report.to_json()
    assert written["flow_error_px"] == written["per_case"][0]["flow_error_px"] == pytest.approx(6)
    assert "flow_error_px" not in written["per_case"][1]
    assert written["by_type"]["upper_body"]["mean"]["flow_error_px"] == pytest.approx(6)


def test_folders_without_a_flow_are_measured_as_ever(pairs: Path, oracle: Model) -> None:
    report = evaluate(pairs, tryon=oracle)
    assert report.to_json()["flow_error_px"] is None
    assert not any("flow" in title for title, _ in report.rows())


def test_a_garment_seen_from_behind_has_none(pairs: Path, oracle: Model) -> None:
    flow = np.full((48, 40, 2), np.nan)
    flow[20, 20] = 0
    np.savez(pairs / "000" / "flow.npz", flow=flow)
    assert evaluate(pairs, limit=1, tryon=oracle).cases[0].flow_error_px is None


@pytest.mark.parametrize("damage", ["noise", "cut", "one array", "other array", "whole numbers"])
def test_a_damaged_flow_is_named(pairs: Path, damage: str) -> None:
    path = pairs / "002" / "flow.npz"
    if damage == "other array":
        np.savez(path, field=straight(48, 40))
    else:
        np.savez(path, flow=straight(48, 40).astype(int if damage == "whole numbers" else np.float16))
    if damage == "one array":
        with path.open("wb") as file:
            np.save(file, straight(48, 40))
    if damage in ("noise", "cut"):
        path.write_bytes(b"noise" if damage == "noise" else path.read_bytes()[:900])
    with pytest.raises(BadFile, match="002/flow.npz"):
        read_pair(pairs / "002")


def test_a_flow_of_another_size_is_refused(pairs: Path) -> None:
    np.savez(pairs / "002" / "flow.npz", flow=straight(24, 20))
    with pytest.raises(BadFolder, match=r"flow.npz has another size"):
        read_pair(pairs / "002")
