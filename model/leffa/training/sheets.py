"""Sample sheets: what a stage makes, side by side with what it should make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from leffa.files import whole_file


def write_sheet(path: Path, columns: Sequence[Tensor]) -> None:
    """Write one picture: a row a sample, a column a tensor [B, 3, H, W] in 0..1, all of one size."""
    rows = np.concatenate(
        [column.float().clamp(0, 1).cpu().numpy() for column in columns], 3
    )  # [B, 3, H, n W]
    picture = (rows.transpose(0, 2, 3, 1) * 255).round().astype(np.uint8).reshape(-1, rows.shape[3], 3)
    with whole_file(path) as draft:
        cv2.imwrite(str(draft), picture[..., ::-1])
