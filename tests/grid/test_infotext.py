"""The text in pictures, read back by a small parser that follows the web UIs' rules."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lorabake.core.errors import GridError
from lorabake.grid.board import AxisText
from lorabake.grid.infotext import MadeBy, infotext, sheet_infotext
from lorabake.grid.shot import Shot
from lorabake.grid.tags import without_lora_tags
from lorabake.grid.values import join_words, parse_words
from tests.grid.webui import read_infotext

SHOT = Shot(
    prompt="<lora:hsr_kafka-07:0.8> kafka, 1girl, smile",
    negative="lowres, bad hands",
    seed=23,
    steps=20,
    cfg=5.0,
    sampler="Euler a",
    width=832,
    height=1216,
)
BY = MadeBy("pony, the: best", "ab" * 32)
HASHES = {"hsr_kafka-07": "12" * 32, "detail": "34" * 32}


def test_a_web_ui_reads_back_how_a_picture_was_made() -> None:
    found = read_infotext(infotext(SHOT, BY, HASHES))
    assert found["Prompt"] == "<lora:hsr_kafka-07:0.8> kafka, 1girl, smile"
    assert found["Negative prompt"] == "lowres, bad hands"
    assert found["Steps"] == "20"
    assert found["Sampler"] == "Euler a"
    assert float(found["CFG scale"]) == 5
    assert found["Seed"] == "23"
    assert found["Size"] == "832x1216"
    assert found["Model hash"] == "ababababab"
    assert found["Model"] == "pony, the: best"
    assert found["Lora hashes"] == "hsr_kafka-07: 121212121212"
    assert found["RNG"] == "CPU"  # where the noise was drawn
    assert found["Version"].startswith("lorabake")


@settings(max_examples=60, deadline=None)
@given(
    prompt=st.text(alphabet='abc, 猫ü()\\:"<>1.\n', min_size=1, max_size=60),
    model=st.text(alphabet='ab ,:"\\猫', min_size=1, max_size=20),
    values=st.lists(st.text(alphabet='a,"1.:>-', min_size=1, max_size=8), min_size=1, max_size=4),
)
def test_any_text_comes_back_as_it_was(prompt: str, model: str, values: list[str]) -> None:
    """Except for space around lines, which web UIs cut off."""
    assume("<lora" not in prompt)
    axes = (
        AxisText("Prompt S/R", join_words(values)),
        AxisText("", ""),
        AxisText("Seed", "-1", "7"),
    )
    shot = replace(SHOT, prompt=prompt, negative="")
    found = read_infotext(
        sheet_infotext(infotext(shot, MadeBy(model.strip() or "m", "0"), {}), axes)
    )
    lines = [line.strip() for line in prompt.lstrip().split("\n")]
    assert found["Prompt"] == "\n".join(lines)
    assert found["Model"] == (model.strip() or "m")
    assert parse_words(found["X Values"]) == list(dict.fromkeys(values))
    assert "Y Type" not in found
    assert (found["Z Type"], found["Z Values"], found["Fixed Z Values"]) == ("Seed", "-1", "7")


def test_several_loras_and_none() -> None:
    two = replace(SHOT, prompt="<lora:hsr_kafka-07:1> a <lora:detail:0.5:0.7>")
    found = read_infotext(infotext(two, BY, HASHES))
    assert found["Lora hashes"] == "hsr_kafka-07: 121212121212, detail: 343434343434"
    assert "Lora hashes" not in infotext(replace(SHOT, prompt="a"), BY, HASHES)


def test_the_sheet_says_how_a_web_ui_makes_the_same_grid() -> None:
    first = infotext(replace(SHOT, prompt="<lora:hsr_kafka-07:0.5> kafka"), BY, HASHES)
    axes = (AxisText("Prompt S/R", "0.5>, 1.0>"), AxisText("Prompt S/R", "-07, -10"))
    found = read_infotext(sheet_infotext(first, axes))
    assert found["Script"] == "X/Y/Z plot"
    assert (found["X Type"], found["Y Type"]) == ("Prompt S/R", "Prompt S/R")
    assert found["X Values"] == "0.5>, 1.0>"
    assert found["Y Values"] == "-07, -10"
    # Prompt S/R replaces the first value, which must be in the prompt
    for axis in ("X Values", "Y Values"):
        assert found[axis].split(", ")[0] in found["Prompt"]
    replaced = found["Prompt"].replace("0.5>", "1.0>").replace("-07", "-10")
    assert replaced == "<lora:hsr_kafka-10:1.0> kafka"


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
    assert json.loads('"a: b"') == "a: b"
