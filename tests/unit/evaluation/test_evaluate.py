import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from leffa.errors import BadFile, BadParameter, Cancelled, CannotWrite, LeffaError, NoPerson, OutOfMemory
from leffa.evaluation import evaluate
from leffa.evaluation.metrics import Figures
from leffa.evaluation.scoring import CaseReport
from leffa.evaluation.sheet import choose_cases, thumbnail
from leffa.tryon import TryOnRequest, TryOnResult

MEAN_KEYS = {
    "garment_psnr_db",
    "garment_ssim",
    "mask_psnr_db",
    "image_psnr_db",
    "garment_iou",
    "garment_color_error",
}
Model = Callable[[TryOnRequest], TryOnResult]


def same_photo(oracle: Model) -> Model:
    """A model that returns the photo and claims that the garment is nowhere."""

    def answer(request: TryOnRequest) -> TryOnResult:
        true = oracle(request)
        return replace(true, image=request.person, garment_mask=np.zeros_like(true.garment_mask))

    return answer


def refusing(oracle: Model, seed: int) -> Model:
    """The oracle, but the case of this seed fails."""

    def answer(request: TryOnRequest) -> TryOnResult:
        if request.seed == seed:
            raise NoPerson()
        return oracle(request)

    return answer


def test_the_oracle_gets_the_best_figures_there_are(pairs: Path, oracle: Model) -> None:
    report = evaluate(pairs, tryon=oracle)
    best = Figures(100, pytest.approx(1), 100, pytest.approx(1), 100, pytest.approx(1), 1, 0)
    assert report.mean() == best
    assert not report.failures


def test_baselines_lose_to_the_oracle(pairs: Path, oracle: Model) -> None:
    report = evaluate(pairs, tryon=oracle)
    for baseline in (report.mean("unchanged"), report.mean("pasted")):
        assert baseline.mask_psnr_db < 100 and baseline.image_psnr_db < 100
    assert report.mean("unchanged").garment_psnr_db < 30
    assert report.mean("unchanged").garment_iou > 0.7  # trousers have no old garment in these pictures
    assert report.mean("pasted").garment_color_error == pytest.approx(0, abs=0.5)


def test_returning_the_photo_scores_as_the_unchanged_baseline(pairs: Path, oracle: Model) -> None:
    report = evaluate(pairs, tryon=same_photo(oracle))
    assert replace(report.mean(), garment_iou=0) == replace(report.mean("unchanged"), garment_iou=0)
    assert report.mean().garment_iou == 0


def test_each_case_goes_in_with_its_own_seed_and_type(pairs: Path, oracle: Model) -> None:
    seen: list[TryOnRequest] = []
    evaluate(pairs, model="mini", tryon=lambda request: (seen.append(request), oracle(request))[1])
    assert [request.seed for request in seen] == [0, 1, 2, 3, 4]
    assert [request.garment_type for request in seen] == ["upper_body"] * 4 + ["lower_body"]
    assert all(request.mask is None and request.model == "mini" for request in seen)


def test_the_given_mask_is_the_folders(pairs: Path, oracle: Model) -> None:
    seen: list[TryOnRequest] = []
    evaluate(pairs, mask="given", limit=1, tryon=lambda request: (seen.append(request), oracle(request))[1])
    with Image.open(pairs / "000" / "mask.png") as mask:
        assert (seen[0].mask == np.array(mask)).all()


def test_a_failed_case_counts_as_the_photo_unchanged(pairs: Path, oracle: Model) -> None:
    report = evaluate(pairs, tryon=refusing(oracle, seed=2))
    failed = report.cases[2]
    assert report.failures == {"002": "no_person"}
    assert failed.model.garment_psnr_db == failed.unchanged.garment_psnr_db
    assert failed.model.garment_iou == 0
    assert len(report.cases) == 5 and report.mean().garment_iou == pytest.approx(0.8)
    assert report.to_json()["failed"] == 1 and report.to_json()["per_case"][2]["failure"] == "no_person"


@pytest.mark.parametrize("error", [Cancelled, OutOfMemory])
def test_what_is_no_verdict_on_the_case_stops_the_evaluation(pairs: Path, error: type[LeffaError]) -> None:
    def unable(request: TryOnRequest) -> TryOnResult:
        raise error()

    with pytest.raises(error):
        evaluate(pairs, tryon=unable)


def test_a_mistake_in_the_model_is_not_hidden(pairs: Path) -> None:
    def broken(request: TryOnRequest) -> TryOnResult:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        evaluate(pairs, tryon=broken)


def test_damage_in_the_last_case_is_told_before_any_work(pairs: Path) -> None:
    (pairs / "004" / "target.png").write_bytes(b"no picture")

    def never(request: TryOnRequest) -> TryOnResult:
        raise AssertionError("asked before the folder was checked")

    with pytest.raises(BadFile, match="004/target.png"):
        evaluate(pairs, tryon=never)


def test_an_unknown_mask_mode_is_refused(pairs: Path, oracle: Model) -> None:
    with pytest.raises(BadParameter, match="mask"):
        evaluate(pairs, mask="mine", tryon=oracle)  # type: ignore[arg-type]


def test_progress_counts_to_the_limit(pairs: Path, oracle: Model) -> None:
    seen: list[tuple[int, int, str]] = []
    evaluate(pairs, limit=3, tryon=oracle, progress=lambda *step: seen.append(step))
    assert seen == [(1, 3, "000"), (2, 3, "001"), (3, 3, "002")]


def test_the_json_file_has_the_promised_layout(pairs: Path, oracle: Model, tmp_path: Path) -> None:
    file = tmp_path / "new" / "report.json"
    report = evaluate(pairs, json_file=file, tryon=refusing(oracle, seed=0))
    written = json.loads(file.read_text())
    assert written == report.to_json()
    assert written["cases"] == 5
    assert set(written["mean"]) == MEAN_KEYS
    assert set(written["baselines"]) == {"unchanged", "pasted"}
    assert all(set(figures) == MEAN_KEYS for figures in written["baselines"].values())
    assert [case["name"] for case in written["per_case"]] == ["000", "001", "002", "003", "004"]
    assert all({"garment_type", "seed", "baselines", *MEAN_KEYS} <= set(case) for case in written["per_case"])
    assert written["model"] == "mini" and written["mask"] == "own"
    assert {"python", "torch", "diffusers"} <= set(written["versions"])


def test_the_table_names_the_model_and_both_baselines(pairs: Path, oracle: Model) -> None:
    page = io.StringIO()
    Console(file=page, width=100).print(evaluate(pairs, tryon=refusing(oracle, seed=1)).table())
    text = page.getvalue()
    assert all(
        word in text for word in ("mini", "unchanged", "pasted", "garment IoU", "mask SSIM", "5 cases")
    )
    assert "1 failed" in text


def test_the_report_folder_holds_figures_table_and_sheet(pairs: Path, oracle: Model, tmp_path: Path) -> None:
    out = tmp_path / "a" / "report"
    report = evaluate(pairs, out=out, tryon=oracle)
    assert {path.name for path in out.iterdir()} == {
        "index.html", "pictures", "report.json", "sheet.jpg", "table.txt"
    }  # fmt: skip
    assert json.loads((out / "report.json").read_text()) == report.to_json()
    assert "garment PSNR" in (out / "table.txt").read_text()
    with Image.open(out / "sheet.jpg") as sheet:
        assert sheet.size == (5 * 200, 28 + 5 * 264)


def test_a_report_that_cannot_be_written_is_refused_first(pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()

    def never(request: TryOnRequest) -> TryOnResult:
        raise AssertionError("asked before the folder was made")

    with pytest.raises(CannotWrite, match="taken"):
        evaluate(pairs, out=tmp_path / "taken", tryon=never)


def case(rank: int) -> CaseReport:
    figures = Figures(float(rank), *[0.0] * 7)
    return CaseReport(f"{rank:03}", "dresses", rank, 0.1, None, figures, figures, figures)


@pytest.mark.parametrize("count", range(1, 12))
def test_the_sheet_shows_no_case_twice_and_the_best_first(count: int) -> None:
    chosen = choose_cases([case(rank) for rank in range(count)])
    ranks = [report.seed for _, report in chosen]
    assert ranks == sorted(set(ranks), reverse=True)
    assert ranks[0] == count - 1 and ranks[-1] == 0
    assert len(ranks) == min(count, 9)


def test_the_sheet_shows_three_of_each_group() -> None:
    chosen = choose_cases([case(rank) for rank in range(101)])
    assert [report.seed for _, report in chosen] == [100, 99, 98, 51, 50, 49, 2, 1, 0]
    assert [group for group, _ in chosen] == ["best"] * 3 + ["median"] * 3 + ["worst"] * 3


@pytest.mark.parametrize("size", [(256, 192), (10, 300), (900, 100), (1, 1)])
def test_thumbnails_fit_the_tile(size: tuple[int, int]) -> None:
    assert thumbnail(np.zeros((*size, 3), dtype=np.uint8)).shape == (256, 192, 3)
