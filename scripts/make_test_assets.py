"""Fills tests/test-assets: the examples, and files made of them that must be mended or refused."""

import shutil
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
EXIF_ORIENTATION, TURNED_RIGHT = 0x0112, 6


def main(folder: Path) -> None:
    """Write every asset into ``folder``; what is there already is written anew."""
    folder.mkdir(parents=True, exist_ok=True)
    for example in sorted((ROOT / "docs" / "examples").glob("*.png")):
        shutil.copyfile(example, folder / example.name)
    person = Image.open(folder / "person-2.png").convert("RGB")
    person.resize((3000, 4000)).save(folder / "huge.jpg", quality=80)
    person.resize((20, 27)).save(folder / "tiny.png")
    Image.new("RGB", (384, 512), "white").save(folder / "nobody.png")
    person.crop((0, 0, 384, 160)).resize((1536, 640)).save(folder / "wide.png")
    _turned(person).save(folder / "turned.jpg", quality=95, exif=_orientation())
    whole = BytesIO()
    person.save(whole, "PNG")
    (folder / "truncated.png").write_bytes(whole.getvalue()[:2000])
    (folder / "notes.txt").write_text("This is not a picture.\n")
    (folder / "empty.png").write_bytes(b"")


def _turned(picture: Image.Image) -> Image.Image:
    return picture.transpose(Image.Transpose.ROTATE_90)


def _orientation() -> Image.Exif:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = TURNED_RIGHT
    return exif


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests" / "test-assets")
