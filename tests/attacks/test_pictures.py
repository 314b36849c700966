"""Pictures of strangers: bombs, formats that must not even be tried, and damage; always a DataError or the picture."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from striate.datasets.pictures import read_image
from striate.errors import DataError


def png(width, height, data=b""):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")))


def good(kind):
    memory = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (9, 7)).astype(np.uint8)
    Image.fromarray(pixels).save(memory, kind)
    return memory.getvalue()


def gif_bomb():
    """A small GIF that says it is enormous."""
    content = bytearray(good("GIF"))
    content[6:10] = struct.pack("<HH", 65535, 65535)
    return bytes(content)


HOSTILE = {
    "one pixel high, a thousand million wide": png(1_000_000_000, 1),
    "100,000 x 100,000": png(100_000, 100_000),
    "more pixels than data": png(8000, 8000, b"x"),
    "no size": png(0, 0),
    "GIF of 65,535 x 65,535": gif_bomb(),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/tmp/evil) (w) file\n",
    "PDF": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n",
    "Photoshop": b"8BPS\0\1" + bytes(60),
    "FITS": b"SIMPLE  =                    T" + b" " * 2850,
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "text in the place of a picture": b"<img src=x onerror=alert(1)>",
    "TIFF whose directory names itself": b"II*\0\x08\0\0\0\x00\x00\x08\0\0\0" + bytes(40),
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_hostile(tmp_path, name, ending):
    path = tmp_path / f"picture.{ending}"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(DataError, match="picture"):
        read_image(path)


def test_more_pixels_than_allowed_though_pillow_would_decode_them(tmp_path):
    (tmp_path / "p.png").write_bytes(png(8300, 8300))
    with pytest.raises(DataError, match="declares more than 67,108,864 pixels"):
        read_image(tmp_path / "p.png")


@pytest.mark.parametrize("kind", ["EPS", "ICO", "PCX", "PPM", "SGI", "TGA"])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sound_pictures_of_other_formats_are_not_tried(tmp_path, kind, ending):
    (tmp_path / f"p.{ending}").write_bytes(good(kind))
    assert Image.open(io.BytesIO(good(kind))).format == kind
    with pytest.raises(DataError, match=f"p.{ending} cannot be read"):
        read_image(tmp_path / f"p.{ending}")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"])
def test_damaged(tmp_path, kind, seed, by_level):
    """Every prefix of a picture, and flipped bits."""
    content, path, draw = good(kind), tmp_path / f"p.{kind.lower()}", random.Random(seed)
    variants = [content[:length] for length in range(0, len(content), by_level(29, 7, 1, 1))]
    for _ in range(by_level(30, 150, 5000, 5000)):
        changed = bytearray(content)
        changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        variants.append(bytes(changed))
    for variant in variants:
        path.write_bytes(variant)
        try:
            assert read_image(path).dtype == np.uint8
        except DataError as error:
            assert "p." in str(error)
