"""Opening pictures of every kind, and refusing every kind of damage."""

import io
import random
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mmrl.errors import InputError
from mmrl.media import IMAGE_FORMATS, MAX_IMAGE_PIXELS, check_image_size, open_image, png_bytes, to_rgb

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def noise(width: int = 20, height: int = 16) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def png_header(width: int, height: int) -> bytes:
    """A PNG that states a size but holds only a few bytes of pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def one_line(error: pytest.ExceptionInfo[InputError], *words: str) -> None:
    text = str(error.value)
    assert "\n" not in text
    for word in words:
        assert word in text


# ---------------------------------------------------------------------------------------------------- conversion


def test_rgb_is_kept_exactly(tmp_path):
    image = noise()
    opened = open_image(saved(image, tmp_path / "a.png"))
    assert opened.mode == "RGB"
    assert opened.tobytes() == image.tobytes()


def test_a_str_path_is_accepted(tmp_path):
    assert open_image(str(saved(noise(), tmp_path / "a.png"))).size == (20, 16)


def test_palette_with_a_transparent_entry_shows_white(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *BLUE])
    image.putdata([0, 1])
    opened = open_image(saved(image, tmp_path / "a.png", transparency=1))
    assert [opened.getpixel((x, 0)) for x in (0, 1)] == [RED, WHITE]


def test_alpha_is_composed_over_white(tmp_path):
    image = Image.new("RGBA", (3, 1))
    image.putdata([(255, 0, 0, 255), (0, 0, 0, 0), (0, 0, 0, 128)])
    opened = open_image(saved(image, tmp_path / "a.png"))
    assert [opened.getpixel((x, 0)) for x in range(3)] == [RED, WHITE, (127, 127, 127)]


def test_colour_key_transparency_shows_white(tmp_path):
    image = Image.new("RGB", (2, 1), RED)
    image.putpixel((1, 0), GREEN)
    opened = open_image(saved(image, tmp_path / "a.png", transparency=GREEN))
    assert [opened.getpixel((x, 0)) for x in (0, 1)] == [RED, WHITE]


def test_16_bit_grey_is_scaled_not_clipped(tmp_path):
    deep = Image.fromarray(np.array([[0, 255, 256, 0x8000, 0xFFFF]], dtype=np.uint16))
    opened = open_image(saved(deep, tmp_path / "a.png"))
    assert [opened.getpixel((x, 0))[0] for x in range(5)] == [0, 0, 1, 0x80, 0xFF]


def test_cmyk_and_grey_become_rgb(tmp_path):
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red = open_image(saved(cmyk, tmp_path / "a.jpg", quality=95)).getpixel((4, 4))
    assert red[0] > 240
    assert max(red[1:]) < 15
    assert open_image(saved(Image.new("1", (2, 2), 1), tmp_path / "b.png")).getpixel((0, 0)) == WHITE


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_pixels_without_a_defined_range_are_refused(tmp_path, dtype):
    path = saved(Image.fromarray(np.ones((2, 2), dtype=dtype)), tmp_path / "a.tif")
    with pytest.raises(InputError, match="8 or 16 bits") as error:
        open_image(path)
    one_line(error, "a.tif")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (23, 15)), (6, (15, 0)), (8, (0, 23))])
def test_exif_orientation_is_applied(tmp_path, suffix, orientation, corner):
    """The stored picture is 24 x 16 with a red top left corner; turned upright the corner lies where EXIF says."""
    image = Image.new("RGB", (24, 16), BLUE)
    ImageDraw.Draw(image).rectangle((0, 0, 7, 7), fill=RED)
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = open_image(
        saved(image, tmp_path / f"a.{suffix}", exif=exif, **({"quality": 95} if suffix != "tif" else {}))
    )
    assert opened.size == ((24, 16) if orientation in (1, 3) else (16, 24))
    red, _, blue = opened.getpixel(corner)
    assert red > 200
    assert blue < 60


def test_an_opened_picture_carries_no_metadata(tmp_path):
    path = saved(noise(), tmp_path / "a.png", icc_profile=b"profile", dpi=(72, 72))
    assert open_image(path).info == {}


# ---------------------------------------------------------------------------------------------------- refusal


def test_missing_and_folder(tmp_path):
    with pytest.raises(InputError, match="found nothing") as error:
        open_image(tmp_path / "gone.png")
    one_line(error, "gone.png")
    with pytest.raises(InputError, match="must be a file"):
        open_image(tmp_path)


def test_zero_bytes(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match="an empty file") as error:
        open_image(tmp_path / "a.png")
    one_line(error, "a.png")


def test_text_named_png(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(InputError, match="found no PNG, JPEG") as error:
        open_image(tmp_path / "a.png")
    one_line(error, "a.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif", "ppm"])
def test_truncated(tmp_path, suffix):
    path = saved(noise(64, 64), tmp_path / f"a.{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="must be readable") as error:
        open_image(path)
    one_line(error, path.name)


def test_corrupt_png_checksum(tmp_path):
    path = saved(noise(), tmp_path / "a.png")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        open_image(path)


@pytest.mark.parametrize("kind", IMAGE_FORMATS)
def test_random_damage_gives_a_picture_or_one_clear_line(tmp_path, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    noise().save(buffer, kind, **({"exif": exif} if kind in ("PNG", "JPEG", "WEBP", "TIFF") else {}))
    rng = random.Random(kind)
    refused = 0
    for _ in range(150):
        data = bytearray(buffer.getvalue())
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(min(len(data), 300))] = rng.randrange(256)
        (tmp_path / "a").write_bytes(data[: rng.randint(1, len(data))] if rng.random() < 0.3 else data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow remarks on corrupt EXIF
            refused += outcome(tmp_path / "a") != "RGB"
    assert refused > 10


def outcome(path: Path) -> str:
    """The mode of the opened picture, or the one line that refuses it; any other exception fails the test."""
    try:
        return open_image(path, max_pixels=10**6).mode
    except InputError as error:
        line = str(error)
    assert "\n" not in line
    return line


# ---------------------------------------------------------------------------------------------------- size


@pytest.mark.parametrize(("width", "height"), [(20_000, 15_000), (10_001, 10_000)])
def test_a_huge_picture_is_refused_from_its_header_without_a_warning(tmp_path, width, height):
    """Were the pixels decoded, the few bytes of them would be reported as truncated instead."""
    limit = Image.MAX_IMAGE_PIXELS
    (tmp_path / "a.png").write_bytes(png_header(width, height))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match="100,000,000 pixels") as error:
            open_image(tmp_path / "a.png")
    one_line(error, f"{width} x {height} = {width * height:,}", "a.png")
    assert limit == Image.MAX_IMAGE_PIXELS


def test_the_limit_is_an_argument_and_inclusive(tmp_path):
    path = saved(noise(20, 16), tmp_path / "a.png")
    assert open_image(path, max_pixels=320).size == (20, 16)
    with pytest.raises(InputError, match="319 pixels"):
        open_image(path, max_pixels=319)


def test_a_limit_above_pillows_own_is_honoured(tmp_path):
    (tmp_path / "a.png").write_bytes(png_header(20_000, 15_000))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match="the header passed"):
            _header_only(tmp_path / "a.png")


def _header_only(path: Path) -> None:
    """Open with a limit of 400 megapixels, stopping before 900 MB are allocated."""

    def stop(_: Image.Image) -> None:
        raise ValueError("the header passed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mmrl.media.ImageOps.exif_transpose", stop)
        open_image(path, max_pixels=400_000_000)


def test_check_image_size_edges():
    check_image_size(10_000, 10_000, where="here")
    for width, height in ((0, 5), (10_000, 10_001)):
        with pytest.raises(InputError, match="here"):
            check_image_size(width, height, where="here")
    assert MAX_IMAGE_PIXELS == 100_000_000


# ---------------------------------------------------------------------------------------------------- encoding


def test_png_bytes_depend_on_pixels_alone():
    plain = noise()
    dressed = plain.convert("RGBA")
    dressed.info = {"icc_profile": b"x", "dpi": (300, 300), "comment": "y"}
    assert png_bytes(plain) == png_bytes(dressed) == png_bytes(plain.copy())
    other = plain.copy()
    other.putpixel((0, 0), RED)
    assert png_bytes(other) != png_bytes(plain)
    assert Image.open(io.BytesIO(png_bytes(plain))).tobytes() == plain.tobytes()


def test_to_rgb_returns_a_new_picture():
    image = noise()
    to_rgb(image).putpixel((0, 0), RED)
    assert image.tobytes() == noise().tobytes()
