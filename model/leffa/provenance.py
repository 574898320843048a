"""How a picture came to be, written into the picture: enough to make it again, and a mark that AI made it.

A PNG carries the record as JSON in the text chunk ``leffa``, a JPEG or WebP in its EXIF description; all
three carry the IPTC source type for pictures partly made by a trained model as XMP.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from PIL import Image

import leffa
from leffa import images
from leffa.errors import FileMissing, NoProvenance, ReplayMismatch

CHUNK = "leffa"
EXIF_DESCRIPTION = 0x010E
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    f' Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"/>'
    "</rdf:RDF></x:xmpmeta>"
)


@dataclass(frozen=True)
class Record:
    """What made a picture.

    ``parameters`` are the values really used, named as in TryOnRequest; ``inputs`` the SHA-256 of the input
    files by name (person, garment, mask); ``files`` the names they had, where the command line knew them;
    ``preprocessors`` the settings that decided what an official model saw of the photo, by name.
    """

    model: str
    weights: str
    weights_sha256: str
    seed: int
    device: str
    dtype: str
    parameters: dict[str, Any]
    inputs: dict[str, str]
    versions: dict[str, str]
    files: dict[str, str] = field(default_factory=dict)
    preprocessors: dict[str, str] = field(default_factory=dict)  # pictures of earlier versions have none
    ai_generated: bool = True
    software: str = "leffa"

    def to_json(self) -> str:
        """The record as one line of JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True, default=str)


@cache
def versions() -> dict[str, str]:
    """Installed versions of the packages that decide over the pixels, by name."""
    found = {"leffa": leffa.__version__}
    for name in ("torch", "diffusers"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def record(model: Any, result: Any, inputs: Mapping[str, bytes]) -> Record:
    """The record of a TryOnResult that ``model`` (a TryOn or its Facts) made from the bytes of ``inputs``."""
    return Record(
        model=result.model,
        weights=model.weights,
        weights_sha256=model.weights_hash,
        seed=result.seed,
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        parameters=dict(result.parameters),
        inputs={name: sha256(data) for name, data in inputs.items()},
        versions=versions(),
        preprocessors=dict(getattr(model, "preprocessors", {})),
    )


def sign(pixels: Any, kind: str, made_by: Record) -> bytes:
    """Encode uint8 [H, W, 3] as png, jpeg or webp with its record and the AI mark inside."""
    return images.encode(pixels, kind, {CHUNK: made_by.to_json()}, XMP)


def read(data: bytes) -> Record:
    """The record inside a picture that leffa wrote; raises NoProvenance."""
    images.sniff(data)
    try:
        image = Image.open(io.BytesIO(data), formats=images.READ_FORMATS)
        text = image.info.get(CHUNK) or image.getexif().get(EXIF_DESCRIPTION)
        return Record(**json.loads(text or ""))
    except Exception as error:  # whatever is wrong inside, the answer is the same
        raise NoProvenance() from error


def with_files(made_by: Record, paths: Mapping[str, Path]) -> Record:
    """Add the inputs' paths; of an absolute one the name only, so that no folder of a user gets out."""
    files = {name: path.name if path.is_absolute() else path.as_posix() for name, path in paths.items()}
    return with_names(made_by, files)


def with_names(made_by: Record, files: Mapping[str, str]) -> Record:
    """Note what the inputs' files were called."""
    return replace(made_by, files=dict(files))


def find_input(made_by: Record, name: str, picture: Path) -> Path:
    """Where an input of a recorded picture lies: from here, or beside the picture; raises FileMissing."""
    recorded = made_by.files.get(name)
    if recorded is None:
        raise FileMissing(
            f"The picture does not say which file its {name} was.", fix=f"Name the {name} file."
        )
    for path in (Path(recorded), picture.parent / recorded):
        if path.is_file():
            return path
    raise FileMissing(f"The {name} was {recorded}, which is not here.", fix=f"Name the {name} file.")


def check_inputs(made_by: Record, inputs: Mapping[str, bytes]) -> None:
    """Refuse inputs that are not the recorded ones, by their hashes; raises ReplayMismatch."""
    for name, expected in made_by.inputs.items():
        if name not in inputs or sha256(inputs[name]) != expected:
            raise ReplayMismatch(f"The {name} is not the file that the picture was made from.")


def check_weights(made_by: Record, weights_sha256: str) -> None:
    """Refuse other weights than the recorded ones; raises ReplayMismatch."""
    if weights_sha256 != made_by.weights_sha256:
        raise ReplayMismatch("The weights are not those that the picture was made with.")


def check_preprocessors(made_by: Record, preprocessors: Mapping[str, str]) -> None:
    """Refuse other preprocessors than the recorded ones, where any are; raises ReplayMismatch."""
    for name, recorded in made_by.preprocessors.items():
        if preprocessors.get(name) != recorded:
            raise ReplayMismatch(
                f"The picture was made with {name}={recorded}, here it is {preprocessors.get(name)}.",
                fix=f"Set LEFFA_{name.upper()}={recorded}.",
            )
