"""One case through the model and both baselines."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from leffa.errors import LeffaError, Unavailable
from leffa.evaluation.baselines import Attempt, pasted, unchanged
from leffa.evaluation.metrics import Figures, compare, flow_error
from leffa.evaluation.pairs import Pair
from leffa.evaluation.perceptual import Likeness
from leffa.tryon import TryOnRequest, TryOnResult

Answer = Literal["model", "unchanged", "pasted"]
ANSWERS: tuple[Answer, ...] = ("model", "unchanged", "pasted")
LEAST_SHOWN = 0.05  # of the garment's pixels have to be in the garment picture for a flow error
TryOnCall = Callable[[TryOnRequest], TryOnResult]
"""What is measured: ``leffa.tryon.TryOn``, or anything else that answers requests the same way."""


@dataclass(frozen=True)
class CaseReport:
    """Figures of one case. ``failure`` is the error's code where the model gave no picture, else None.

    flow_error_px: see :func:`leffa.evaluation.metrics.flow_error`; None where the folder or the model knows
    no flow, or hardly any of the cloth is in the garment picture. likeness: the perceptual figures of the
    model's picture where they were asked for. fingerprint: see
    :attr:`leffa.evaluation.pairs.Pair.fingerprint`.
    """

    name: str
    garment_type: str
    seed: int
    seconds: float
    failure: str | None
    model: Figures
    unchanged: Figures
    pasted: Figures
    flow_error_px: float | None = None
    likeness: Likeness | None = None
    fingerprint: str = ""

    def figures(self) -> dict[str, float]:
        """All figures of the model's picture by name, without those that this case has not."""
        found = asdict(self.model)
        if self.flow_error_px is not None:
            found["flow_error_px"] = self.flow_error_px
        if self.likeness is not None:  # its PSNR is image_psnr_db
            found |= {name: value for name, value in asdict(self.likeness).items() if name != "psnr_db"}
        return found


@dataclass(frozen=True)
class ScoredCase:
    """A case's figures with the pictures that earned them, uint8 RGB [H, W, 3]."""

    report: CaseReport
    pictures: dict[Answer, np.ndarray]


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
    attempts: dict[Answer, Attempt] = {
        "model": (
            Attempt(result.image, result.garment_mask >= 128) if result else Attempt(pair.person, nowhere)
        ),
        "unchanged": unchanged(pair, result.parsing if result else None),
        "pasted": pasted(pair),
    }
    report = CaseReport(
        name=pair.name,
        garment_type=pair.garment_type,
        seed=pair.seed,
        seconds=seconds,
        failure=failure,
        model=_measure(attempts["model"], pair),
        unchanged=_measure(attempts["unchanged"], pair),
        pasted=_measure(attempts["pasted"], pair),
        flow_error_px=_flow_error(result, pair),
        fingerprint=pair.fingerprint,
    )
    return ScoredCase(report, {name: attempt.picture for name, attempt in attempts.items()})


def _flow_error(result: TryOnResult | None, pair: Pair) -> float | None:
    if result is None or pair.flow is None:
        return None
    shown = np.isfinite(pair.flow).all(axis=2)
    if shown.sum() < LEAST_SHOWN * pair.garment_mask.sum():  # from behind a few stray pixels say nothing
        return None
    return flow_error(result.flow, pair.flow, pair.garment.shape)


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
