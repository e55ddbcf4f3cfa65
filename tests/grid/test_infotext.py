"""The text in pictures, read back by a small parser that follows the web UIs' rules."""

from __future__ import annotations

import json
import re

import pytest

from lorabake.core.errors import GridError
from lorabake.grid.infotext import Rendering, infotext, sheet_infotext, without_lora_tags
from tests.grid.webui import read_infotext

RENDERING = Rendering(
    prompt="kafka, 1girl, smile",
    negative="lowres, bad hands",
    seed=23,
    steps=20,
    cfg=5,
    sampler="Euler a",
    width=832,
    height=1216,
    model="pony, the: best",
    model_hash="ab" * 32,
)


def test_a_web_ui_reads_back_how_a_picture_was_made() -> None:
    found = read_infotext(infotext(RENDERING, "hsr_kafka-07", "12" * 32, 0.8))
    assert found["Prompt"] == "<lora:hsr_kafka-07:0.8>, kafka, 1girl, smile"
    assert found["Negative prompt"] == "lowres, bad hands"
    assert found["Steps"] == "20"
    assert found["Sampler"] == "Euler a"
    assert float(found["CFG scale"]) == 5
    assert found["Seed"] == "23"
    assert found["Size"] == "832x1216"
    assert found["Model hash"] == "ababababab"
    assert found["Model"] == "pony, the: best"
    assert found["Lora hashes"] == "hsr_kafka-07: 121212121212"
    assert found["Version"].startswith("lorabake")


def test_a_negative_prompt_may_be_missing_and_a_prompt_have_lines() -> None:
    from dataclasses import replace

    text = infotext(replace(RENDERING, negative="", prompt="a\nb, c"), "x-01", "", 1.0)
    found = read_infotext(text)
    assert found["Prompt"] == "<lora:x-01:1.0>, a\nb, c"
    assert found["Negative prompt"] == ""


def test_the_sheet_says_how_a_web_ui_makes_the_same_grid() -> None:
    first = infotext(RENDERING, "hsr_kafka-07", "12" * 32, 0.5)
    found = read_infotext(sheet_infotext(first, [0.5, 1.0], ["07", "10"]))
    assert found["Script"] == "X/Y/Z plot"
    assert (found["X Type"], found["Y Type"]) == ("Prompt S/R", "Prompt S/R")
    assert found["X Values"] == "0.5>, 1.0>"
    assert found["Y Values"] == "-07, -10"
    # Prompt S/R replaces the first value, which must be in the prompt
    for axis in ("X Values", "Y Values"):
        assert found[axis].split(", ")[0] in found["Prompt"]
    replaced = found["Prompt"].replace("0.5>", "1.0>").replace("-07", "-10")
    assert replaced == "<lora:hsr_kafka-10:1.0>, kafka, 1girl, smile"


def test_the_guides_prompt_can_be_pasted_as_it_is() -> None:
    prompt = (
        "<lora:hsr_kafka-10:1.0>, solo, 1girl, kafka, sunglasses, eyewear on head, jacket, "
        "white shirt, pantyhose"
    )
    names = ["hsr_kafka-09", "hsr_kafka-10"]
    assert without_lora_tags(prompt, names) == prompt.partition(", ")[2]
    assert without_lora_tags("kafka <lora:hsr_kafka-10:1>", names) == "kafka"
    assert without_lora_tags("a, <lora:hsr_kafka-10>, b", names) == "a, b"
    assert without_lora_tags("kafka_(honkai:_star_rail)", names) == "kafka_(honkai:_star_rail)"
    with pytest.raises(GridError, match="not a file of this run"):
        without_lora_tags("<lora:detail_tweaker:1>, kafka", names)


def test_the_readers_rules_are_the_web_uis() -> None:
    """The parser of these tests against texts as web UIs write them."""
    text = (
        "masterpiece\nNegative prompt: lowres\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, "
        'Size: 512x512, Lora hashes: "a: 1234, b: 5678", Version: v1.10.1'
    )
    assert read_infotext(text)["Lora hashes"] == "a: 1234, b: 5678"
    assert re.fullmatch("[0-9a-f]{64}", RENDERING.model_hash)
    assert json.loads('"a: b"') == "a: b"
