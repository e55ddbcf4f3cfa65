"""The prompt inside a generated picture, as three programs write it."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lorabake.collect.generated import (
    caption_of_prompt,
    read_infotext,
    without_quality_words,
)
from lorabake.collect.metadata import MAX_TEXT, read_texts

A1111 = """(kafka \\(hsr\\):1.2), long hair, <lora:kafka:0.8>, smile
second line
Negative prompt: lowres, bad hands
Steps: 20, Sampler: Euler a, CFG scale: 5, Seed: 1, Size: 64x64, Lora hashes: "a: b, c: d\""""
GRAPH = {
    "3": {
        "class_type": "KSampler",
        "inputs": {"seed": 5, "model": ["4", 0], "positive": ["8", 0], "negative": ["7", 0]},
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "x.safetensors"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["9", 0], "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "bad hands", "clip": ["4", 1]}},
    "8": {"class_type": "ControlNetApply", "inputs": {"conditioning": ["6", 0], "strength": 1}},
    "9": {"class_type": "StringNode", "inputs": {"string": "1girl, (red dress:1.1)"}},
}


def png(path: Path, **texts: str) -> Path:
    info = PngInfo()
    for name, text in texts.items():
        info.add_itxt(name, text, zip=len(text) > 100)
    Image.new("RGB", (64, 64), "red").save(path, pnginfo=info)
    return path


def with_comment(path: Path, comment: bytes) -> Path:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = comment
    Image.new("RGB", (64, 64), "red").save(path, exif=exif)
    return path


def test_a1111_in_a_png(tmp_path: Path) -> None:
    found = read_infotext(png(tmp_path / "a.png", parameters=A1111))
    assert found is not None
    assert found.tool == "A1111"
    assert found.caption == "kafka (hsr), long hair, smile, second line"
    assert found.negative == "lowres, bad hands"
    assert found.settings["Seed"] == "1"
    assert found.settings["Lora hashes"] == "a: b, c: d"


@pytest.mark.parametrize("ending", ["webp", "jpg"])
@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_a1111_in_exif(tmp_path: Path, ending: str, encoding: str) -> None:
    text = A1111.replace("smile", "スマイル")
    path = with_comment(tmp_path / f"a.{ending}", b"UNICODE\0" + text.encode(encoding))
    found = read_infotext(path)
    assert found is not None
    assert found.caption == "kafka (hsr), long hair, スマイル, second line"


def test_comfyui_is_followed_back_from_the_sampler(tmp_path: Path) -> None:
    found = read_infotext(png(tmp_path / "a.png", prompt=json.dumps(GRAPH), workflow="{}"))
    assert found is not None
    assert (found.tool, found.caption) == ("ComfyUI", "1girl, red dress")
    assert found.negative == "bad hands"


def test_comfyui_in_webp(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0110] = f"prompt:{json.dumps(GRAPH)}"
    Image.new("RGB", (64, 64), "red").save(tmp_path / "a.webp", exif=exif)
    found = read_infotext(tmp_path / "a.webp")
    assert found is not None
    assert found.caption == "1girl, red dress"


def test_a_graph_that_runs_in_circles_ends(tmp_path: Path) -> None:
    graph = {
        "1": {"class_type": "KSampler", "inputs": {"positive": ["2", 0]}},
        "2": {"class_type": "A", "inputs": {"text": ["2", 0], "x": ["1", 0]}},
    }
    assert read_infotext(png(tmp_path / "a.png", prompt=json.dumps(graph))) is None


def test_novelai(tmp_path: Path) -> None:
    comment = {"prompt": "{{1girl}}, smile", "uc": "lowres", "steps": 28, "seed": 3}
    path = png(
        tmp_path / "a.png",
        Software="NovelAI",
        Description="{{1girl}}, [smile], 1.3::red hat::",
        Comment=json.dumps(comment),
    )
    found = read_infotext(path)
    assert found is not None
    assert (found.tool, found.caption) == ("NovelAI", "1girl, smile, red hat")
    assert found.settings == {"steps": "28", "seed": "3"}


def test_novelai_with_a_prompt_for_each_character(tmp_path: Path) -> None:
    prompt = {"caption": {"base_caption": "park", "char_captions": [{"char_caption": "girl"}]}}
    path = png(
        tmp_path / "a.png", Software="NovelAI", Comment=json.dumps({"v4_prompt": prompt, "uc": ""})
    )
    found = read_infotext(path)
    assert found is not None
    assert found.caption == "park, girl"


def test_a_photograph_was_not_generated(tmp_path: Path) -> None:
    comment = with_comment(tmp_path / "a.jpg", b"ASCII\0\0\0Taken at the sea, Place: here")
    assert read_infotext(comment) is None
    assert read_infotext(png(tmp_path / "b.png", Software="Paint", prompt="{}")) is None
    assert read_infotext(tmp_path / "missing.png") is None


@pytest.mark.parametrize(
    ("prompt", "caption"),
    [
        ("a, (b:1.2), ((c)), [d], {e}", "a, b, c, d, e"),
        ("[cat:dog:0.5], [x|y] BREAK z", "dog, x, y, z"),
        (r"kafka \(hsr\), <lora:a:1><lyco:b:0.5>", "kafka (hsr)"),
        ("smile, Smile, long hair, long_hair", "smile, long hair"),
        (":d, score_9, 1:1", ":d, score_9, 1:1"),
        ("", ""),
    ],
)
def test_a_prompt_becomes_a_caption(prompt: str, caption: str) -> None:
    assert caption_of_prompt(prompt) == caption


def test_quality_words_ask_for_the_best_and_are_no_caption() -> None:
    prompt = (
        "Masterpiece, best quality, score_8_up, very aesthetic, kafka, high contrast, absurdres"
    )
    assert without_quality_words(prompt) == "kafka, high contrast"
    assert without_quality_words("masterpiece") == ""


def test_a_text_that_grows_is_cut(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", parameters="long hair, " * 3_000_000)
    assert path.stat().st_size < 200_000
    assert len(read_texts(path)["parameters"]) <= MAX_TEXT


def _samples() -> list[bytes]:
    """A whole file of each kind, to be damaged."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + A1111.encode("utf-16-be")
    info = PngInfo()
    info.add_text("parameters", A1111)
    found = []
    for kind in ("PNG", "JPEG", "WEBP"):
        file = BytesIO()
        extra = {"pnginfo": info} if kind == "PNG" else {"exif": exif}
        Image.new("RGB", (8, 8)).save(file, kind, **extra)
        found.append(file.getvalue())
    return found


SAMPLES = _samples()


@given(
    sample=st.sampled_from(SAMPLES),
    cut=st.integers(0, 400),
    change=st.lists(st.tuples(st.integers(0, 399), st.integers(0, 255)), max_size=20),
)
def test_no_damaged_file_breaks_it(
    tmp_path_factory: pytest.TempPathFactory,
    sample: bytes,
    cut: int,
    change: list[tuple[int, int]],
) -> None:
    data = bytearray(sample)
    for place, value in change:
        data[place % len(data)] = value
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(data[: len(data) - cut] if cut < len(data) else data)
    read_infotext(path)
