"""Reading a pairs folder: one folder a case, each with the true picture of the try-on beside its inputs."""

import hashlib
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from leffa.errors import BadFile, BadFolder, BadParameter, FileMissing
from leffa.images import to_8_bits, upright
from leffa.tryon import GARMENT_TYPES, SEEDS

# What numpy and zipfile tell of damage by; TypeError where an .npz turns out to be an .npy.
FLOW_DAMAGE = (
    OSError, ValueError, KeyError, TypeError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """One case. Pictures are uint8 RGB [H, W, 3], masks bool [H, W], all but the garment of one size."""

    name: str
    person: np.ndarray
    garment: np.ndarray
    """uint8 RGB, or RGBA where the file is transparent, any size."""
    target: np.ndarray
    """The same person in the new garment."""
    mask: np.ndarray
    """Where the photo may be repainted."""
    garment_mask: np.ndarray
    """Where the new garment is in ``target``."""
    garment_type: str
    seed: int
    flow: np.ndarray | None = None
    """float32 [H, W, 2], for each pixel of ``target`` the (x, y) it comes from, -1..1 over ``garment``; NaN
    where there is no cloth that the garment picture shows. None where the folder has no flow.npz."""

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of a SHA-256 over all pictures and masks: the same pair has the same."""
        digest = hashlib.sha256(self.garment_type.encode())
        for array in (self.person, self.garment, self.target, self.mask, self.garment_mask):
            digest.update(f"{array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()[:16]


def find_cases(folder: Path, limit: int | None = None) -> list[Path]:
    """The case folders within ``folder`` by name, the first ``limit`` of them; hidden ones are left out.

    Raises FileMissing if ``folder`` is not there, BadFolder if it holds no case, BadParameter for a limit
    below 1.
    """
    if limit is not None and limit < 1:
        raise BadParameter("The limit must be at least 1.", field="limit", received=limit)
    if not folder.is_dir():
        raise FileMissing(f"There is no folder {folder}.", field="pairs")
    cases = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not cases:
        raise BadFolder(
            f"{folder} holds no cases.",
            field="pairs",
            fix="Name a folder with one folder a case inside, as `leffa synth` writes it.",
        )
    return cases[:limit]


def read_pair(case: Path) -> Pair:
    """Read and check one case folder.

    Raises FileMissing, BadFile or BadFolder; the detail names the file that is missing, cannot be read, has
    another size than person.png, or does not hold what it should.
    """
    garment_type, seed = _read_facts(case / "meta.json")
    pair = Pair(
        name=case.name,
        person=read_picture(case / "person.png"),
        garment=read_picture(case / "garment.png", alpha=True),
        target=read_picture(case / "target.png"),
        mask=_read_mask(case / "mask.png"),
        garment_mask=_read_mask(case / "garment_mask.png"),
        garment_type=garment_type,
        seed=seed,
        flow=_read_flow(case / "flow.npz"),
    )
    _check_sizes(case, pair)
    return pair


def _read_facts(path: Path) -> tuple[str, int]:
    _check_there(path)
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadFile(f"{path} is not readable JSON: {error}") from error
    if not isinstance(facts, dict):
        raise BadFile(f"{path} holds no JSON object.")
    garment_type, seed = facts.get("garment_type"), facts.get("seed")
    if garment_type not in GARMENT_TYPES:
        raise BadFile(
            f"{path}: garment_type is {garment_type!r}, not one of {', '.join(GARMENT_TYPES)}.",
            allowed=list(GARMENT_TYPES),
            received=garment_type,
        )
    if isinstance(seed, bool) or not isinstance(seed, int) or not SEEDS[0] <= seed <= SEEDS[1]:
        raise BadFile(f"{path}: seed is {seed!r}, not a whole number from {SEEDS[0]} to {SEEDS[1]}.")
    return garment_type, seed


def read_picture(path: Path, alpha: bool = False) -> np.ndarray:
    """A picture as uint8 RGB [H, W, 3]; with ``alpha`` as RGBA where it is transparent.

    Raises FileMissing or BadFile.
    """
    picture = to_8_bits(open_picture(path))
    transparent = "A" in picture.getbands() or "transparency" in picture.info
    return np.array(picture.convert("RGBA" if alpha and transparent else "RGB"))


def _read_flow(path: Path) -> np.ndarray | None:
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            flow = file["flow"]
    except FLOW_DAMAGE as error:
        raise BadFile(f"{path} holds no readable array named flow: {error}") from error
    if flow.ndim != 3 or flow.shape[2] != 2 or flow.dtype.kind != "f":
        raise BadFile(f"{path}: flow is {flow.dtype} {list(flow.shape)}, not float [height, width, 2].")
    return np.asarray(flow, np.float32)


def _read_mask(path: Path) -> np.ndarray:
    mask = np.array(to_8_bits(open_picture(path)).convert("L")) >= 128
    if not mask.any():
        raise BadFile(f"{path} marks no pixel; masks are 255 where they mark and 0 elsewhere.")
    return mask


def open_picture(path: Path) -> Image.Image:
    """The picture as its file has it, decoded and upright. Raises FileMissing or BadFile."""
    _check_there(path)
    try:
        with Image.open(path) as picture:
            picture.load()
            return upright(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        # Pillow tells of damage in a PNG's chunks by SyntaxError.
        raise BadFile(f"{path} is not a readable picture: {error}") from error


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise FileMissing(f"{path} is missing.")


def _check_sizes(case: Path, pair: Pair) -> None:
    height, width = pair.person.shape[:2]
    for name in ("target", "mask", "garment_mask"):
        found = getattr(pair, name).shape[:2]
        if found != (height, width):
            raise BadFolder(
                f"{case / name}.png is {found[1]} x {found[0]} pixels, but person.png is {width} x {height}."
            )
    if pair.flow is not None and pair.flow.shape[:2] != (height, width):
        raise BadFolder(f"{case / 'flow.npz'} has another size than person.png.")
