"""Two reports on the same pairs."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leffa.errors import BadFile, FileMissing
from leffa.evaluation import evaluate
from leffa.evaluation.comparison import compare_reports
from leffa.tryon import TryOnRequest, TryOnResult

Model = Callable[[TryOnRequest], TryOnResult]


def report(path: Path, values: list[float], **more: object) -> Path:
    """A report whose cases alternate between two garment types."""
    cases = [
        {"name": f"{index:03}", "seed": index, "garment_type": ["dresses", "lower_body"][index % 2],
         "garment_psnr_db": value, "garment_color_error": -value, "failure": None, **more}
        for index, value in enumerate(values)
    ]  # fmt: skip
    path.write_text(json.dumps({"per_case": cases}))
    return path


def test_a_steady_gain_is_told_from_chance(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 5, 40)
    first = report(tmp_path / "a.json", list(noise))
    second = report(tmp_path / "b.json", list(noise + 0.5 + 0.1 * np.sin(np.arange(40))))
    found = compare_reports(first, second).groups["all"]["garment_psnr_db"]
    assert found.difference == pytest.approx(0.5, abs=0.05) and found.certain
    assert found.low < found.difference < found.high < 0.6  # the spread of the cases cancels


def test_noise_shows_no_difference(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    first, second = (report(tmp_path / name, list(rng.normal(0, 5, 60))) for name in ("a.json", "b.json"))
    found = compare_reports(first, second).groups["all"]["garment_psnr_db"]
    assert not found.certain and found.low < 0 < found.high


def test_few_cases_are_never_certain(tmp_path: Path) -> None:
    first, second = report(tmp_path / "a.json", [1] * 9), report(tmp_path / "b.json", [2] * 9)
    found = compare_reports(first, second).groups["all"]["garment_psnr_db"]
    assert found.low == found.high == 1 and not found.certain


def test_the_interval_is_that_of_the_mean(tmp_path: Path) -> None:
    gains = np.random.default_rng(2).normal(1, 2, 200)
    first, second = report(tmp_path / "a.json", [0.0] * 200), report(tmp_path / "b.json", list(gains))
    found = compare_reports(first, second).groups["all"]["garment_psnr_db"]
    half = 1.96 * gains.std() / np.sqrt(200)
    assert found.low == pytest.approx(gains.mean() - half, abs=0.03)
    assert found.high == pytest.approx(gains.mean() + half, abs=0.03)


def test_the_same_reports_give_the_same_intervals(tmp_path: Path) -> None:
    first, second = report(tmp_path / "a.json", [1, 2, 4]), report(tmp_path / "b.json", [2, 2, 9])
    assert compare_reports(first, second).to_json() == compare_reports(first, second).to_json()


def test_garment_types_are_compared_on_their_own(tmp_path: Path) -> None:
    first, second = report(tmp_path / "a.json", [1, 2, 1, 2]), report(tmp_path / "b.json", [2, 2, 2, 2])
    groups = compare_reports(first, second).groups
    assert list(groups) == ["all", "dresses", "lower_body"]
    assert [groups[name]["garment_psnr_db"].difference for name in groups] == [0.5, 1.0, 0.0]
    assert groups["dresses"]["garment_psnr_db"].cases == 2


def test_the_table_knows_which_end_is_better(tmp_path: Path) -> None:
    first, second = report(tmp_path / "a.json", [1] * 20), report(tmp_path / "b.json", [2] * 20)
    table = next(iter(compare_reports(first, second).tables()))
    assert list(table.columns[-1].cells) == ["better", "better"]  # a lower colour error is better, too


def test_cases_of_one_report_only_are_named(tmp_path: Path) -> None:
    first, second = report(tmp_path / "a.json", [1, 2, 3]), report(tmp_path / "b.json", [1, 2])
    found = compare_reports(first, second)
    assert (found.only_first, found.only_second) == (["002"], [])
    assert found.groups["all"]["garment_psnr_db"].cases == 2


@pytest.mark.parametrize("key", ["seed", "garment_type", "fingerprint"])
def test_reports_of_other_pairs_are_refused(tmp_path: Path, key: str) -> None:
    first = report(tmp_path / "a.json", [1, 2], fingerprint="1" * 16)
    second = report(tmp_path / "b.json", [1, 2], **{"fingerprint": "1" * 16, key: "another"})
    with pytest.raises(BadFile, match="other pairs: case 000"):
        compare_reports(first, second)


def test_reports_without_a_common_case_are_refused(tmp_path: Path) -> None:
    second = tmp_path / "b.json"
    second.write_text(json.dumps({"per_case": [{"name": "elsewhere"}]}))
    with pytest.raises(BadFile, match="no case in common"):
        compare_reports(report(tmp_path / "a.json", [1]), second)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"per_case": []}', '{"per_case": [1]}', '{"per_case": [{}]}']
)
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(BadFile, match="b.json"):
        compare_reports(report(tmp_path / "a.json", [1]), tmp_path / "b.json")
    with pytest.raises(FileMissing):
        compare_reports(tmp_path / "a.json", tmp_path / "nowhere")


def test_report_folders_of_evaluations_are_compared(pairs: Path, oracle: Model, tmp_path: Path) -> None:
    evaluate(pairs, out=tmp_path / "a", tryon=lambda request: replace(oracle(request), image=request.person))
    evaluate(pairs, out=tmp_path / "b", tryon=oracle)
    found = compare_reports(tmp_path / "a", tmp_path / "b")
    assert found.groups["all"]["image_psnr_db"].low > 0
    assert found.groups["all"]["image_psnr_db"].second == 100
