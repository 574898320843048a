"""The report's page: whole in its folder, nothing from elsewhere, every name escaped."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leffa.errors import Cancelled
from leffa.evaluation import evaluate
from leffa.evaluation.figures import KINDS
from leffa.evaluation.page import _histogram
from leffa.tryon import TryOnRequest, TryOnResult

Model = Callable[[TryOnRequest], TryOnResult]


@pytest.fixture
def page(pairs: Path, oracle: Model, tmp_path: Path) -> str:
    evaluate(pairs, out=tmp_path / "report", tryon=oracle)
    return (tmp_path / "report" / "index.html").read_text()


def test_it_needs_nothing_outside_its_folder(page: str, tmp_path: Path) -> None:
    assert not re.search(r"https?:|//[a-z]|@import|url\(", page)
    named = set(re.findall(r'src="([^"]+)"', page))
    assert len(named) == 5 * 4
    assert all((tmp_path / "report" / name).is_file() for name in named)


def test_it_shows_means_baselines_types_and_what_made_them(page: str) -> None:
    for text in (
        "garment PSNR, dB",
        "photo unchanged",
        "flat pasted",
        "lower_body (1)",
        "versions torch",
        "date",
    ):
        assert text in page


def test_every_case_can_be_sorted_by_every_figure(page: str) -> None:
    assert page.count('data-number="') == 5
    for figure in re.findall(r'<option value="(\w+)" data-lower', page):
        assert page.count(f'data-{figure}="') == 5


def test_figures_that_are_all_but_the_same_have_a_histogram() -> None:
    kind = KINDS["garment_psnr_db"]
    assert sum(_histogram(kind, [20.0, np.nextafter(20.0, 21)]).bars) > 0


def test_best_median_and_worst_have_a_slider(page: str) -> None:
    assert page.count('type="range"') == 5
    assert "best: " in page and "worst: " in page


def test_names_are_escaped(pairs: Path, oracle: Model, tmp_path: Path) -> None:
    (pairs / "000").rename(pairs / '<script>alert("1")<')
    evaluate(pairs, model="<b>&model", out=tmp_path / "report", tryon=lambda request: named(oracle, request))
    page = (tmp_path / "report" / "index.html").read_text()
    assert page.count("<script>") == 1 and "<b>" not in page
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;" in page


def named(oracle: Model, request: TryOnRequest) -> TryOnResult:
    """The oracle does not know the renamed folder: it answers that case with another one's picture."""
    from dataclasses import replace

    return oracle(replace(request, seed=request.seed or 1))


def test_a_stopped_evaluation_leaves_the_older_report_whole(
    pairs: Path, oracle: Model, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    evaluate(pairs, out=out, tryon=oracle)
    before = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}

    def stopped(request: TryOnRequest) -> TryOnResult:
        if request.seed == 3:
            raise Cancelled()
        return oracle(request)

    with pytest.raises(Cancelled):
        evaluate(pairs, out=out, tryon=stopped)
    assert {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()} == before
