"""What schemathesis sends: usable pictures, all of one size."""

import io

import schemathesis
from hypothesis import strategies as st
from PIL import Image
from schemathesis.specs.openapi.formats import Binary

KINDS = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp")


def encoded(kind: str, mode: str = "RGB") -> bytes:
    """A picture of 32 by 32 pixels, its left half white: a mask too."""
    picture = Image.new(mode, (32, 32))
    picture.paste("white", (0, 0, 16, 32))
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


usable = st.sampled_from([encoded("PNG"), encoded("PNG", "L"), encoded("JPEG"), encoded("WEBP")])
for kind in KINDS:
    schemathesis.openapi.media_type(kind, usable)
schemathesis.openapi.format("binary", usable.map(Binary))


@schemathesis.hook
def filter_body(context, body):
    """An empty field, or an empty list that leaves no field, counts as left out: such forms are not wrong."""
    return not (
        isinstance(body, dict)
        and any(isinstance(value, str | list | dict) and not value for value in body.values())
    )
