"""Small files that would become large ones, programs in model files, libraries with known holes.

Bombs of zips stand in tests/collect/test_own.py, of TOML in tests/core/test_toml.py, of model headers in
tests/engine/test_checkpoint_file.py, of upscalers in tests/enhance/test_models.py.
"""

from __future__ import annotations

import io
import re
import struct
import time
import zlib
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import pytest
from PIL import Image

from lorabake.collect.metadata import MAX_TEXT, read_texts
from lorabake.core.errors import ImageError
from lorabake.core.image import load_small, probe, thumbnail
from tests.hostile import _chunk, png_of

ROOT = Path(__file__).resolve().parents[1]
ROWS = zlib.compress((b"\0" + b"\x80" * 64) * 64)
PACKED = zlib.compress(b"A" * 16 * 2**20, 1)


def _text_chunks(kind: bytes, count: int) -> bytes:
    start = b"x\0\0" if kind == b"zTXt" else b"x\0\1\0\0\0"
    return _chunk(kind, start + PACKED) * count


def _moving_png(frames: int) -> bytes:
    control = _chunk(b"acTL", struct.pack(">II", frames, 0))
    shown = struct.pack(">IIIIIHHBB", 0, 64, 64, 0, 0, 1, 10, 0, 0)
    return png_of(64, 64, data=ROWS, extra=control + _chunk(b"fcTL", shown))


def _gif(frames: int) -> bytes:
    whole = io.BytesIO()
    Image.new("P", (4, 4)).save(whole, "GIF")
    data = whole.getvalue()
    at = data.index(b"\x2c")
    return data[:at] + data[at:-1] * frames + b";"


@pytest.mark.parametrize(
    "data",
    [
        png_of(64, 64, data=ROWS, extra=_text_chunks(b"zTXt", 30)),
        png_of(64, 64, data=ROWS, extra=_text_chunks(b"iTXt", 30)),
        _moving_png(2**31 - 1),
        _gif(20_000),
        png_of(8000, 8000, data=ROWS),
    ],
    ids=[
        "zTXt",
        "iTXt",
        "APNG of two thousand million frames",
        "GIF of 20,000 frames",
        "64 Mpx of nothing",
    ],
)
def test_bombs_of_pictures_are_a_picture_or_a_sentence(tmp_path: Path, data: bytes) -> None:
    """Within the decoder's ten seconds, in a process that may have 2 GiB."""
    path = tmp_path / "bomb.png"
    path.write_bytes(data)
    for read in (probe, thumbnail, lambda one: load_small(one, 64)):
        started = time.monotonic()
        with suppress(ImageError):
            read(path)
        assert time.monotonic() - started < 15


def test_texts_of_a_picture_are_unpacked_to_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_of(64, 64, data=ROWS, extra=_text_chunks(b"zTXt", 20)))
    assert {len(text) for text in read_texts(path).values()} == {MAX_TEXT}


# --- programs in files ---------------------------------------------------------------------------------

# What can run a program that a file holds, and where it is used so that it cannot.
RUNS_PROGRAMS = re.compile(
    r"(?<!safetensors\.)\b(?:torch\.load|torch\.jit\.load|pickle\.loads?|cPickle|dill|joblib\.load|yaml\.(?:unsafe_)?load"
    r"|marshal\.loads?|shelve\.open|allow_pickle=True|weights_only=False|os\.system|shell=True)\b"
    r"|(?<![\w.])(?<!def )(?:eval|exec)\("
)


def test_nothing_opens_a_pickle_a_shell_or_a_program() -> None:
    found = []
    for folder in ("lorabake", "tools"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            lines = path.read_text(encoding="utf-8").splitlines()
            found += [
                f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
                for number, line in enumerate(lines, 1)
                if RUNS_PROGRAMS.search(line) and not _of_the_practice_oven(path, line)
            ]
    assert not found, "\n".join(found)
    assert RUNS_PROGRAMS.search("x = torch.load(path)")


def _of_the_practice_oven(path: Path, line: str) -> bool:
    """It reads what its own training wrote a moment before, and only tensors."""
    return path.parent.name == "practice" and "weights_only=True" in line


def test_no_table_is_written_that_a_spreadsheet_could_take_for_formulas() -> None:
    """Danbooru has tags such as =_= and +_+. Whoever writes CSV some day has to think of them."""
    writers = [
        path.name
        for path in sorted((ROOT / "lorabake").rglob("*.py"))
        if re.search(r"csv\.(?:writer|DictWriter)|\.to_csv\(", path.read_text(encoding="utf-8"))
    ]
    assert not set(writers) - CSV_WRITERS, writers


# implications.csv and the practice tagger's list, both made for this repository by its own tools.
CSV_WRITERS = {"fetch.py", "tagger_training.py"}


# --- libraries -------------------------------------------------------------------------------------------

# The oldest version without a known hole that this app would be open to, and what the hole is.
SAFE = {
    "Pillow": ("13.0", "overflows in the decoders of JPEG and others (CVE-2026-112403)"),
    "diffusers": ("0.42.1", "files of a model folder that run programs"),
    "torch": ("2.10", "pickles that escape weights_only (CVE-2026-24747)"),
    "gradio": ("6.31", "the newest whose routes were read"),
}


@pytest.mark.parametrize("name", SAFE)
def test_installed_libraries_have_no_known_hole(name: str) -> None:
    least, hole = SAFE[name]
    found = version(name)
    assert _numbers(found) >= _numbers(least), (
        f"{name} {found} has {hole}. Run ./launch.sh update, or install {name} >= {least}."
    )


@pytest.mark.parametrize("name", SAFE)
def test_what_the_launcher_installs_has_none_either(name: str) -> None:
    """The last word is requirements-override.txt's, which is installed over the others."""
    wanted = {}
    for file in ("requirements.txt", "requirements-override.txt"):
        for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
            if found := re.match(r"([A-Za-z][\w.-]*)>=([\d.]+)", line):
                wanted[found[1]] = found[2]
    assert _numbers(wanted[name]) >= _numbers(SAFE[name][0])


def _numbers(text: str) -> tuple[int, ...]:
    plain = re.match(r"\d+(?:\.\d+)*", text)
    assert plain, text
    numbers = [int(part) for part in plain[0].split(".")]
    return tuple(numbers + [0] * (4 - len(numbers)))
