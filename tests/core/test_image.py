"""The worst picture is an unreadable picture, and each says in one sentence what to do."""

from __future__ import annotations

import io
import os
import signal
import struct
import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw

from lorabake.core import decoder_worker
from lorabake.core.decoder import Decoder, DecoderFailure, Pool, decoders
from lorabake.core.errors import ImageError, RecipeError
from lorabake.core.image import (
    load_alpha,
    load_rgb,
    load_small,
    probe,
    probe_many,
    resize_cover,
    shrink,
    thumbnail,
)

RED, WHITE = (255, 0, 0), (255, 255, 255)


def drawing(width: int = 40, height: int = 30) -> Image.Image:
    """Red with a blue left half."""
    picture = Image.new("RGB", (width, height), RED)
    ImageDraw.Draw(picture).rectangle((0, 0, width // 2 - 1, height), fill=(0, 0, 255))
    return picture


def png_claiming(width: int, height: int) -> bytes:
    """A small PNG whose header promises a huge picture."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100_000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def encoded(kind: str, size: int = 64) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (size, size, 3), dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(noise).save(written, kind)
    return written.getvalue()


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.bmp", "a.gif", "a.avif"])
@pytest.mark.parametrize("thorough", [True, False])
def test_usual_pictures(tmp_path: Path, name: str, thorough: bool) -> None:
    path = tmp_path / name
    drawing().save(path)
    info = probe(path, thorough=thorough)
    assert (info.width, info.height, info.notes, info.note) == (40, 30, (), "")
    rgb = load_rgb(path)
    assert rgb.shape == (30, 40, 3)
    assert rgb.dtype == np.uint8
    assert rgb.flags.writeable
    assert np.abs(rgb[15, 35].astype(int) - RED).max() < 30


BAD = {
    "missing.png": (None, "is not there any more"),
    "empty.png": (b"", r"is empty \(0 bytes\): download or copy it again"),
    "page.jpg": (b"<!DOCTYPE html><html><body>Log in", "is a web page, not a picture"),
    "page2.png": (b"\n <html>", "is a web page, not a picture"),
    "text.png": (b"hello", "is not a picture that can be read here: save it as PNG"),
    "drawing.png": (b'<?xml version="1.0"?><svg>', "is an SVG drawing: save it as PNG"),
    "eps.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0", "is a PostScript file: save it as PNG"),
    "photoshop.png": (b"8BPS" + b"\0" * 100, "is a Photoshop file: save it as PNG"),
    "tiff.png": (b"II*\0" + b"\0" * 100, "is a TIFF picture: save it as PNG"),
    "zip.png": (b"PK\x03\x04" + b"\0" * 100, "is an archive"),
    "phone.jpg": (b"\0\0\0\x18ftypheic" + b"\0" * 100, "is a HEIC picture: save it as PNG"),
    "film.gif": (b"\0\0\0\x18ftypmp42" + b"\0" * 100, "is a video: save it as PNG"),
    "cut.png": (encoded("PNG")[:3000], "is cut off before its end: download"),
    "cut.jpg": (encoded("JPEG")[:2000], "is cut off before its end: download"),
    "cut.webp": (encoded("WEBP")[:2000], "is (cut off|damaged)"),
    "start.png": (encoded("PNG")[:20], "is damaged"),
    "huge.png": (png_claiming(9001, 9000), "is 9001 × 9000 px, and at most 64 megapixels"),
    "wide.png": (png_claiming(16_385, 10), "16384 px a side are read: make it smaller"),
    "flipped.png": (encoded("PNG")[:2000] + b"\xff" * 50 + encoded("PNG")[2050:], "is damaged"),
}


@pytest.mark.parametrize("thorough", [True, False])
@pytest.mark.parametrize("name", BAD)
def test_bad_pictures_say_what_to_do(tmp_path: Path, name: str, thorough: bool) -> None:
    data, sentence = BAD[name]
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ImageError, match=sentence) as caught:
        probe(path, thorough=thorough)
    assert str(caught.value).startswith(name)
    assert str(caught.value).endswith(".")
    with pytest.raises(ImageError, match=sentence):
        load_rgb(path)
    with pytest.raises(ImageError, match=sentence):
        thumbnail(path)
    assert data is None or path.read_bytes() == data


def test_what_is_not_a_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    for name in ("pipe.png", "folder.png"):
        with pytest.raises(ImageError, match=f"{name} (is not a file|cannot be opened)"):
            probe(tmp_path / name)


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "big.png"
    with path.open("wb") as file:
        file.truncate(10 * 1024**3)  # holes: no room on the disk
    with pytest.raises(ImageError, match="larger than 256 MiB"):
        probe(path)


def test_animations_use_their_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue", "green")]
    for name in ("a.gif", "a.webp", "a.png"):
        path = tmp_path / name
        frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
        info = probe(path)
        assert info.frames == 3
        assert "only its first frame is used" in info.note
        assert tuple(load_rgb(path)[10, 10]) in (RED, (254, 0, 0))


def test_cmyk_goes_through_its_profile(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (20, 20), (0, 255, 255, 0)).save(path)
    assert "CMYK" in probe(path).note
    red, green, blue = load_rgb(path)[10, 10]
    assert red > 200
    assert max(green, blue) < 80
    bad = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("CMYK", (20, 20), (0, 255, 255, 0)).save(path, icc_profile=bad)
    assert load_rgb(path).shape == (20, 20, 3), "an unfitting profile costs nothing but itself"


def test_16_bits_become_8_without_clipping(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    values = np.array([[0, 257, 128 * 257, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(path)
    assert "16 bits" in probe(path).note
    assert load_rgb(path)[0, :, 0].tolist() == [0, 1, 128, 255]


def test_transparent_areas_are_white(tmp_path: Path) -> None:
    path = tmp_path / "hole.png"
    pixels = np.zeros((10, 10, 4), dtype=np.uint8)
    pixels[..., 1] = 255  # hidden green
    pixels[:5, :, 3] = 255
    Image.fromarray(pixels).save(path)
    assert "become white" in probe(path, thorough=False).note
    rgb = load_rgb(path)
    assert rgb[0, 0].tolist() == [0, 255, 0]
    assert rgb[9, 9].tolist() == [255, 255, 255]
    pixels[..., 3] = 255
    Image.fromarray(pixels).save(path)
    assert probe(path, thorough=False).note == "", "an alpha channel alone is no transparency"
    palette = Image.new("P", (10, 10), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.save(path, transparency=1)
    assert load_rgb(path)[0, 0].tolist() == [255, 255, 255]
    Image.new("LA", (10, 10), (0, 0)).save(path)
    assert load_rgb(path)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
@pytest.mark.parametrize("turned", range(1, 9))
def test_pictures_are_upright(tmp_path: Path, name: str, turned: int) -> None:
    path = tmp_path / name
    exif = Image.Exif()
    exif[0x0112] = turned
    drawing().save(path, exif=exif)
    info = probe(path, thorough=False)
    rgb = load_rgb(path)
    assert (info.width, info.height) == ((30, 40) if turned >= 5 else (40, 30))
    assert rgb.shape == (info.height, info.width, 3)
    assert ("upright" in info.note) == (turned > 1)
    small = Image.open(io.BytesIO(thumbnail(path, 20)))
    assert small.size == ((15, 20) if turned >= 5 else (20, 15))
    red = {
        1: (15, 35),
        2: (15, 5),
        3: (15, 5),
        4: (15, 35),
        5: (35, 15),
        6: (35, 15),
        7: (5, 15),
        8: (5, 15),
    }
    assert rgb[red[turned]][0] > 200


def test_a_broken_exif_block_does_not_cost_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    drawing().save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40)
    assert load_rgb(path).shape == (30, 40, 3)


def test_thumbnails_are_small_webps(tmp_path: Path) -> None:
    drawing(1000, 600).save(tmp_path / "a.jpg")
    small = Image.open(io.BytesIO(thumbnail(tmp_path / "a.jpg")))
    assert (small.format, small.size) == ("WEBP", (256, 154))
    drawing(10, 8).save(tmp_path / "b.png")
    assert Image.open(io.BytesIO(thumbnail(tmp_path / "b.png"))).size == (10, 8), "never enlarged"


@given(
    data=st.binary(max_size=300),
    kind=st.sampled_from(["", "PNG", "JPEG", "GIF", "WEBP"]),
    cut=st.integers(0, 4000),
)
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_a_picture_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: str, cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.png"
    whole = encoded(kind, 24) if kind else b""
    path.write_bytes(whole[:cut] + data + whole[cut + len(data) :])
    try:
        info = probe(path)
    except ImageError as error:
        sentence = str(error)
        assert sentence.startswith("any.png ")
    else:
        assert load_rgb(path).shape == (info.height, info.width, 3)


def test_many_at_once_answer_in_order(tmp_path: Path) -> None:
    paths = []
    for number in range(60):
        paths.append(tmp_path / f"{number}.png")
        drawing(10 + number, 10).save(paths[-1])
    paths[30].write_bytes(b"")
    seen: list[tuple[int, int]] = []
    found = probe_many(paths, on_progress=lambda done, total: seen.append((done, total)))
    assert isinstance(found[30], ImageError)
    assert [info.width for info in found if not isinstance(info, ImageError)] == [
        10 + number for number in range(60) if number != 30
    ]
    assert seen[-1] == (60, 60)


def test_any_number_of_threads_may_ask(tmp_path: Path) -> None:
    paths = []
    for number in range(8):
        paths.append(tmp_path / f"{number}.png")
        drawing(20 + number, 20).save(paths[-1])
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(load_rgb, paths * 6))
    assert [rgb.shape[1] for rgb in found] == [20 + number for number in range(8)] * 6


def test_a_decoder_that_dies_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    drawing().save(path)
    decoder = Decoder()
    decoder.ask({"do": "probe", "thorough": False, "path": str(path)})
    assert decoder._process
    os.kill(decoder._process.pid, signal.SIGSTOP)  # silent, as on an endless picture
    with pytest.raises(DecoderFailure, match="took longer than 1 second"):
        decoder.ask({"do": "probe", "thorough": False, "path": str(path)}, seconds=1)
    decoder.ask({"do": "probe", "thorough": False, "path": str(path)})
    killer = threading.Timer(0.3, os.kill, (decoder._process.pid, signal.SIGKILL))
    os.kill(decoder._process.pid, signal.SIGSTOP)
    killer.start()
    with pytest.raises(DecoderFailure, match="made the decoder crash"):
        decoder.ask({"do": "probe", "thorough": False, "path": str(path)})
    assert decoder.ask({"do": "probe", "thorough": False, "path": str(path)}).header["width"] == 40
    decoder.close()


def test_a_decoder_has_little_memory(tmp_path: Path) -> None:
    """The limit is set, and running into it is a sentence."""
    script = (
        "import runpy, sys; w = runpy.run_path(sys.argv[1]); g = w['main'].__globals__; "
        "g['MEMORY'] = 300 * 1024**2; w['limit_memory'](); "
        "print(w['answer']({'do': 'pixels', 'path': sys.argv[2], 'matte': [0, 0, 0]})[0]['refused'])"
    )
    path = tmp_path / "a.png"
    Image.new("RGB", (7000, 7000)).save(path, compress_level=1)
    done = subprocess.run(
        [sys.executable, "-c", script, decoder_worker.__file__, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        timeout=60,
    )
    assert "needs more memory than a picture should" in done.stdout


def test_decoders_end_with_the_process_that_has_them(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from lorabake.core import image, decoder; "
        "image.probe(Path(sys.argv[1])); print(decoder.decoders()._all[0]._process.pid, flush=True); "
        "os._exit(1) if sys.argv[2] == 'crash' else None"
    )
    path = tmp_path / "a.png"
    drawing().save(path)
    for how in ("crash", "leave"):
        done = subprocess.run(
            [sys.executable, "-c", script, str(path), how],
            capture_output=True,
            cwd=Path(__file__).parents[2],
            check=False,
            timeout=60,
        )
        pid = int(done.stdout)
        for _ in range(200):
            stat = Path(f"/proc/{pid}/stat")
            if (
                not stat.exists()
                or stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
            ):
                break
            threading.Event().wait(0.02)
        else:
            pytest.fail("the decoder stayed")


def test_a_forked_child_gets_decoders_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    drawing().save(path)
    probe(path)
    before = decoders()
    child = os.fork()
    if not child:
        good = False
        try:
            good = decoders() is not before and probe(path).width == 40
            decoders().close()
        finally:
            os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert probe(path).width == 40


def test_a_pool_lends_no_more_than_it_has() -> None:
    pool = Pool(1)
    with pool.lend() as first:
        pass
    with pool.lend() as second:
        assert second is first


@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    smaller=st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)),
)
@settings(max_examples=60, deadline=None)
def test_shrinking_is_the_mean_of_areas(
    width: int, height: int, smaller: tuple[float, float]
) -> None:
    """Against the definition, pixel by pixel."""
    new_width, new_height = max(1, int(width * smaller[0])), max(1, int(height * smaller[1]))
    rgb = np.random.default_rng(width * 41 + height).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )
    fine = np.repeat(np.repeat(rgb.astype(np.float64), new_height, axis=0), new_width, axis=1)
    means = fine.reshape(new_height, height, new_width, width, 3).mean(axis=(1, 3))
    assert np.abs(shrink(rgb, new_width, new_height) - means).max() <= 0.5 + 1e-3


def test_cover_cuts_the_middle() -> None:
    rgb = np.zeros((100, 300, 3), dtype=np.uint8)
    rgb[:, 100:200] = 255
    cut = resize_cover(rgb, resized=(150, 50), bucket=(50, 50))
    assert cut.shape == (50, 50, 3)
    assert cut.min() == 255
    assert cut.flags.c_contiguous
    same = resize_cover(rgb, resized=(300, 100), bucket=(300, 100))
    assert np.array_equal(same, rgb)
    assert resize_cover(rgb, resized=(600, 200), bucket=(512, 192)).shape == (192, 512, 3)


def test_transparent_parts_become_the_matte(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    picture = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 10, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter, and both are turned back
    picture.save(path, exif=exif)
    rgb, alpha = load_rgb(path, "#0080ff"), load_alpha(path)
    assert rgb.shape == (40, 20, 3)
    assert alpha.shape == (40, 20)
    assert rgb[0, 0].tolist() == [255, 0, 0]
    assert rgb[39, 0].tolist() == [0, 128, 255]
    assert (alpha[0, 0], alpha[39, 0]) == (255, 0)
    Image.new("RGB", (8, 8)).save(path)
    assert load_alpha(path).min() == 255


@pytest.mark.parametrize("text", ["", "white", "#fff", "#gggggg", "#1234567", "#12345\n"])
def test_a_matte_is_a_colour(tmp_path: Path, text: str) -> None:
    with pytest.raises(RecipeError, match="Write it as #rrggbb"):
        load_rgb(tmp_path / "never opened.png", text)


def test_the_cut_may_be_anywhere() -> None:
    rgb = np.arange(30, dtype=np.uint8).reshape(1, 10, 3)
    assert resize_cover(rgb, resized=(10, 1), bucket=(4, 1), corner=(6, 0))[0, 0, 0] == 18
    assert resize_cover(rgb, resized=(10, 1), bucket=(4, 1))[0, 0, 0] == 9


def test_a_small_copy_is_upright_on_white_and_never_enlarged(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    halves = Image.new("RGB", (1600, 800), "red")
    halves.paste("blue", (0, 0, 800, 800))
    halves.save(tmp_path / "a.jpg", exif=turned)
    small = load_small(tmp_path / "a.jpg", 100)
    assert small.shape == (100, 50, 3)
    assert small[10, 25, 2] > 200
    assert small[90, 25, 0] > 200, "turned to the right: what was left is above"
    Image.new("RGBA", (8, 4), (0, 0, 0, 0)).save(tmp_path / "b.png")
    assert load_small(tmp_path / "b.png", 100).tolist() == [[[255, 255, 255]] * 8] * 4
