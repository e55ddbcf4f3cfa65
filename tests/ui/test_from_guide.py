"""The guide inside the page: every section has its text, with the numbers that the program uses."""

from __future__ import annotations

import html
import re

import pytest

from lorabake.recipe.presets import load_recipe
from lorabake.recipe.tables import TABLES
from lorabake.ui.from_guide import from_guide, sections_told
from lorabake.ui.shell import SECTIONS


def plain(section: str) -> str:
    """Its words, without marks."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", from_guide(section)))).strip()


def test_every_section_has_one_and_none_is_left_over() -> None:
    assert {section.ID for section in SECTIONS} <= sections_told()
    assert from_guide("no such section") == ""


@pytest.mark.parametrize(
    ("section", "numbers"),
    {
        "grabber": ["-rating:explicit -rating:questionable kafka_(honkai:_star_rail)", "259"],
        "curating": ["hundred", "from side", "from behind"],
        "improving": ["512 px", "Resize at 1"],
        "tagging": ["wd-eva02-large-tagger-v3", "0.3"],
        "concepts": ["23, 49, 100 and 79", "20, 33, 100 and 50", "5, 3, 1 and 2", "= 399"],
        "oven": ["16/16", "32/32", "20 to 30", "100 steps", "step 800", "5e-5", "8/4"],
        "baking": ["800"],
        "ready": ["-10, -09, -08, -07", "1.0>, 0.9>, 0.8>, 0.7>, 0.6>, 0.5>", "0.8"],
    }.items(),
)
def test_the_guides_numbers_stand_in_it(section: str, numbers: list[str]) -> None:
    told = plain(section)
    assert [number for number in numbers if number not in told] == []


def test_tables_and_settings_are_those_of_the_program() -> None:
    told = plain("oven")
    for table in TABLES:
        assert table.label in told
        for row in table.rows:
            repeats = f" {row.repeats}" if table.kind == "single" else ""
            assert f" {row.count}{repeats} {row.epochs} {row.batch_size} {row.steps} " in f"{told} "
    rates = [load_recipe(name).optimizer.unet_lr for name in ("nai15", "pdxl", "illustrious")]
    assert f"U-Net learning rate {' '.join(f'{rate:g}' for rate in rates)}" in told


@pytest.mark.parametrize("section", sorted(sections_told()))
def test_marks_are_closed_and_text_is_escaped(section: str) -> None:
    text = from_guide(section)
    opened = re.findall(r"<(\w+)[^>]*>", text)
    assert sorted(opened) == sorted(re.findall(r"</(\w+)>", text))
    assert set(opened) <= {
        *("details", "summary", "div", "p", "ul", "li", "code"),
        *("table", "caption", "thead", "tbody", "tr", "th", "td"),
    }
    assert "`" not in text
