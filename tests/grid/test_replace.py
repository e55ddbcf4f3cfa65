"""Prompt S/R and `<lora:…>` tags: the guide's strings, all at once on the original."""

from __future__ import annotations

import pytest

from lorabake.core.errors import GridError
from lorabake.grid.axes import AXES, Axis, Known, axis_kind, read_axis
from lorabake.grid.replace import concerns, replaced
from lorabake.grid.tags import LoraUse, lora_uses, renamed, reweighted, without_tags
from lorabake.grid.values import join_words, parse_words

GUIDE = (
    "<lora:hsr_kafka-10:1.0>, solo, 1girl, kafka, sunglasses, eyewear on head, jacket, "
    "white shirt, pantyhose"
)
NOWHERE = Known(lambda text: [], lambda text: text, lambda name: name)


def test_the_guides_own_strings() -> None:
    """ "search for the first thing in your prompt and replace it with whatever you tell it to" """
    x = read_axis("Prompt S/R", "-10, -09, -08, -07", NOWHERE)
    y = read_axis("prompt s/r", "1.0>, 0.9>, 0.8>, 0.7>, 0.6>, 0.5>", NOWHERE)
    assert x.values == ("-10", "-09", "-08", "-07")
    assert y.values[-1] == "0.5>"
    made = replaced(GUIDE, {x.values[0]: "-08", y.values[0]: "0.7>"})
    assert made == GUIDE.replace("hsr_kafka-10:1.0>", "hsr_kafka-08:0.7>")
    assert concerns(GUIDE, "", ["-10", "1.0>"]) == []
    assert lora_uses(made) == [LoraUse("hsr_kafka-08", 0.7, 0.7)]
    assert without_tags(made).startswith(", solo, 1girl, kafka")


def test_nothing_is_replaced_twice() -> None:
    """One after the other, x would turn into y and that into z."""
    assert replaced("a x, a y", {"x": "y", "y": "z"}) == "a y, a z"
    assert replaced("lora-10, lora-1", {"-1": "-2", "-10": "-11"}) == "lora-11, lora-2"
    assert replaced("a, b", {"": "c", "b": ""}) == "a, "
    assert replaced("(a+b)", {"(a+b)": r"\1"}) == r"\1"


@pytest.mark.parametrize(
    ("prompt", "needles", "words"),
    [
        ("1girl, solo", ["cat"], ["did not find 'cat'"]),
        ("1girl, solo", ["girl"], ["2 times"]),  # it is in the negative prompt, too
        ("1girl, 1", ["1girl", "1"], ["2 times", "'1' stands inside '1girl'"]),
        ("1girl, solo", ["solo", "solo"], ["Two axes"]),
        ("1girl, solo", [""], ["empty"]),
        ("1girl, solo", ["solo"], []),
    ],
)
def test_what_can_go_wrong_is_said(prompt: str, needles: list[str], words: list[str]) -> None:
    told = concerns(prompt, "girl", needles)
    assert len(told) == len(words)
    assert all(word in sentence for word, sentence in zip(words, told, strict=True))


def test_words_are_read_as_csv() -> None:
    assert parse_words('a, "b, c",d ') == ["a", "b, c", "d"]
    assert parse_words('say ""hi"", "say ""ho"""\nlast') == ['say ""hi""', 'say "ho"', "last"]
    assert parse_words("a, b,") == ["a", "b", ""]  # "" draws without it
    words = ["a", "b, c", 'd "e"', "f\ng"]
    assert parse_words(join_words(words[:3])) == words[:3]
    with pytest.raises(GridError, match="100"):
        parse_words(", ".join(map(str, range(101))))


def test_tags_with_weights_for_text_and_unet() -> None:
    uses = lora_uses("<lora:a:0.5>, <lora:b:0.5:0.7> <lyco:c:te=0.2:unet=1> <lora:d>")
    assert uses == [
        LoraUse("a", 0.5, 0.5),
        LoraUse("b", 0.5, 0.7),
        LoraUse("c", 0.2, 1.0),
        LoraUse("d", 1.0, 1.0),
    ]
    assert renamed("<lora:a-01:0.5:0.7>, <lora:z:1>", ["a-01"], "a-02") == (
        "<lora:a-02:0.5:0.7>, <lora:z:1>"
    )
    assert reweighted("<lora:a-01:0.5:0.7>, <lora:z:1>", ["a-01"], 0.8) == (
        "<lora:a-01:0.8>, <lora:z:1>"
    )
    for prompt in ("<lora:a:x>", "<lora:a:1> <lora:a:2>", "<lora:a:1:1:8:1>", "<lora::1>",
                   "<lora:a:99>", "<lora:a:nan>"):  # fmt: skip
        with pytest.raises(GridError):
            lora_uses(prompt)


def test_every_axis_reads_ranges_or_words() -> None:
    for name, text, values in (
        ("Steps", "10-30 (+10)", ("10", "20", "30")),
        ("cfg", "4-6 [5]", ("4.0", "4.5", "5.0", "5.5", "6.0")),
        ("clip skip", "1-2", ("1", "2")),
        ("weights", "0.5-1.0 [6]", ("0.5", "0.6", "0.7", "0.8", "0.9", "1.0")),
        ("Sampler", "euler a, DDIM", ("Euler a", "DDIM")),
        ("seed", "1-3, 4294967295", ("1", "2", "3", "4294967295")),
        ("Prompt", '"1girl, solo", 1boy', ("1girl, solo", "1boy")),
        ("base model", "pony, illu", ("pony", "illu")),
    ):
        assert read_axis(name, text, NOWHERE).values == values
    drawn = read_axis("Seed", "-1, 5", NOWHERE)
    assert drawn.fixed
    assert 0 <= int(drawn.values[0]) < 2**32
    assert Axis("Steps", ("20",)).label("20") == "Steps: 20"
    assert Axis("Prompt S/R", ("-10",)).label("-10") == "-10"
    assert len({axis_kind(row.name).name for row in AXES}) == 12
    for name, text in (("Steps", "0"), ("Steps", "1.5"), ("cfg", "50"), ("Sampler", "Euler b"),
                       ("hats", "1"), ("Seed", ""), ("clip skip", "13")):  # fmt: skip
        with pytest.raises(GridError):
            read_axis(name, text, NOWHERE)
