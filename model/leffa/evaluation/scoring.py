"""One case through the model and both baselines."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from leffa.errors import LeffaError, Unavailable
from leffa.evaluation.baselines import Attempt, pasted, unchanged
from leffa.evaluation.metrics import Figures, compare
from leffa.evaluation.pairs import Pair
from leffa.tryon import TryOnRequest, TryOnResult

TryOnCall = Callable[[TryOnRequest], TryOnResult]
"""What is measured: ``leffa.tryon.TryOn``, or anything else that answers requests the same way."""


@dataclass(frozen=True)
class CaseReport:
    """Figures of one case. ``failure`` is the error's code where the model gave no picture, else None."""

    name: str
    garment_type: str
    seed: int
    seconds: float
    failure: str | None
    model: Figures
    unchanged: Figures
    pasted: Figures


@dataclass(frozen=True)
class ScoredCase:
    """A case's figures with the picture that earned them, uint8 RGB [H, W, 3]."""

    report: CaseReport
    picture: np.ndarray


def score(pair: Pair, tryon: TryOnCall, *, model: str, given_mask: bool) -> ScoredCase:
    """Ask ``tryon`` for the case's picture and hold it and the baselines against the true one.

    Where the model refuses the case (a LeffaError), its answer counts as the photo unchanged with no garment
    in it (IoU 0), so that refusing hard cases never improves the means. Raises Unavailable (cancelled, out of
    memory, weights unusable): that is no verdict on the case.
    """
    started = time.perf_counter()
    result, failure = _ask(tryon, _request(pair, model, given_mask))
    seconds = time.perf_counter() - started
    nowhere = np.zeros_like(pair.mask)
    answer = Attempt(result.image, result.garment_mask >= 128) if result else Attempt(pair.person, nowhere)
    report = CaseReport(
        name=pair.name,
        garment_type=pair.garment_type,
        seed=pair.seed,
        seconds=seconds,
        failure=failure,
        model=_measure(answer, pair),
        unchanged=_measure(unchanged(pair, result.parsing if result else None), pair),
        pasted=_measure(pasted(pair), pair),
    )
    return ScoredCase(report, answer.picture)


def _request(pair: Pair, model: str, given_mask: bool) -> TryOnRequest:
    return TryOnRequest(
        person=pair.person,
        garment=pair.garment,
        garment_type=pair.garment_type,
        model=model,
        seed=pair.seed,
        mask=np.where(pair.mask, 255, 0).astype(np.uint8) if given_mask else None,
    )


def _ask(tryon: TryOnCall, request: TryOnRequest) -> tuple[TryOnResult | None, str | None]:
    try:
        return tryon(request), None
    except Unavailable:
        raise
    except LeffaError as error:
        return None, error.code


def _measure(attempt: Attempt, pair: Pair) -> Figures:
    return compare(
        attempt.picture,
        pair.target,
        found_garment=attempt.garment,
        true_garment=pair.garment_mask,
        mask=pair.mask,
    )
