"""The perceptual figures of an evaluation: of the model's pictures and the baselines'."""

from collections.abc import Mapping
from dataclasses import asdict, fields

import numpy as np

from leffa.errors import BadParameter, ImageTooSmall
from leffa.evaluation.perceptual import SMALLEST_SIDE, Gallery, Likeness, Networks, likeness
from leffa.evaluation.scoring import ANSWERS, Answer


class Onlooker:
    """Looks at every case once and keeps what FID and KID need."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._galleries = {answer: Gallery(networks) for answer in ANSWERS}
        self._truth = Gallery(networks)
        self._seen: dict[Answer, list[Likeness]] = {answer: [] for answer in ANSWERS}

    def check(self, target: np.ndarray, cases: int) -> None:
        """Raises ImageTooSmall for a picture below 64 pixels a side, BadParameter for a single case."""
        if min(target.shape[:2]) < SMALLEST_SIDE:
            raise ImageTooSmall(f"LPIPS needs pictures of at least {SMALLEST_SIDE} pixels a side.")
        if cases < 2:
            raise BadParameter("FID and KID need at least 2 cases.", field="limit", received=cases)

    def look(self, pictures: Mapping[Answer, np.ndarray], target: np.ndarray) -> Likeness:
        """Compare one case's pictures, uint8 RGB [H, W, 3], with the true one; returns the model's."""
        for answer, picture in pictures.items():
            self._galleries[answer].add(picture)
            self._seen[answer].append(likeness(self._networks, picture, target))
        self._truth.add(target)
        return self._seen["model"][-1]

    def means(self) -> dict[Answer, dict[str, float]]:
        """Mean likeness, FID and KID of the model and of both baselines, by name."""
        return {
            answer: {
                **{
                    field.name: float(np.mean([getattr(one, field.name) for one in self._seen[answer]]))
                    for field in fields(Likeness)
                },
                **asdict(self._galleries[answer].distance(self._truth)),
            }
            for answer in ANSWERS
        }
