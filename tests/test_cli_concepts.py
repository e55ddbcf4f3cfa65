"""The verb `concepts`, as a script would use it: from an unsorted folder to a ready plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lorabake.core.history import open_history
from tests.concepts.outfits import CLOTHES
from tests.core.test_pictures import everything
from tests.verbs import answered, refused

COUNTS = {"zetadef": 23, "zetasummer": 49, "zetadark": 100, "zetahalloween": 79}
"""The guide's four outfits."""


@pytest.fixture
def lorabake(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., dict[str, Any]]:
    return lambda *arguments: answered(arguments, monkeypatch, capsys)


@pytest.fixture
def unsorted(tmp_path: Path) -> Path:
    """251 tiny pictures in one folder, each with the clothes in its caption."""
    root = tmp_path / "pictures"
    root.mkdir()
    for place, (name, count) in enumerate(COUNTS.items()):
        for number in range(count):
            path = root / f"{place}-{number:03d}.png"
            Image.new("RGB", (4, 4), (number, 60 * place, 90)).save(path)
            text = ", ".join(("1girl", *CLOTHES[name][1], "from side", "from behind"))
            path.with_suffix(".txt").write_text(text, encoding="utf-8")
    return root


def test_the_guides_four_outfits(unsorted: Path, lorabake: Callable[..., dict[str, Any]]) -> None:
    before = everything(unsorted)
    asked = [
        f"--assign=1_{name}=tag:{clothes[1][0].replace(' ', '_')}"
        for name, clothes in CLOTHES.items()
    ]
    told = lorabake("concepts", unsorted, *asked)
    assert (told["unassigned"], told["applied"], told["concepts"]) == (251, False, [])
    assert [len(one["pictures"]) for one in told["assigned"]] == list(COUNTS.values())
    assert everything(unsorted) == before

    told = lorabake("concepts", unsorted, *asked, "--triggers", "--balance", "--apply")
    assert (told["unassigned"], told["T"], told["epochs"]) == (0, 399, 5)
    assert {
        one["trigger"]: (one["images"], one["keep"], one["repeats"]) for one in told["concepts"]
    } == {
        "zetadef": (23, 20, 5),
        "zetasummer": (49, 33, 3),
        "zetadark": (100, 100, 1),
        "zetahalloween": (79, 50, 2),
    }
    assert told["lost"] == 48
    assert told["bleeds"] == []
    assert "300 T × 5 epochs" in told["table"]["nearest"]

    plan = lorabake("plan", unsorted, "--recipe", "nai15", "--set", "bucket_no_upscale=true")
    assert (plan["T"], plan["images"], plan["total_steps"]) == (399, 203, 2000)
    assert plan["table"]["nearest"] == "400 T × 10 epochs ÷ 2 batch size = 2000 steps"
    assert plan["file_mib"] > 10
    remarks = {one["id"]: one for one in plan["warnings"] if "id" in one}
    assert "schedule.one_cycle" in remarks
    again = lorabake("concepts", unsorted, "--recipe", "nai15")
    assert (again["T"], again["epochs"]) == (399, 10)

    titles = [one.title for one in open_history(unsorted).operations()]
    assert titles == [
        "Balance: set 48 pictures aside",
        "Triggers in 251 captions",
        "Sort 251 pictures into 4 folders",
    ]
    for _ in titles:
        open_history(unsorted).undo()
    assert everything(unsorted) == before


def test_groups_and_the_fewest_lost(
    unsorted: Path, lorabake: Callable[..., dict[str, Any]]
) -> None:
    for path in [*unsorted.glob("2-*"), *unsorted.glob("3-*")]:
        path.unlink()
    told = lorabake("concepts", unsorted, "--suggest")
    assert [len(group["pictures"]) for group in told["groups"]] == [49, 23]
    assert set(told["groups"][0]["tags"]) == set(CLOTHES["zetasummer"][1])
    assign = ("--assign", "zetadef=tag:red_dress", "--assign", "zetasummer=NOT tag:red_dress")
    lorabake("concepts", unsorted, *assign, "--apply")
    exact = lorabake("concepts", unsorted, "--balance", "--tolerance", "0.1")
    assert (exact["lost"], exact["T"], exact["applied"]) == (0, 46 + 49, False)


def test_what_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, code, words in (
        ((tmp_path / "nowhere",), 1, "There is no folder"),
        ((tmp_path, "--tolerance", "0.1"), 2, "--tolerance is for --balance"),
        ((tmp_path, "--balance", "--tolerance", "7"), 1, "tolerance can be from 0"),
        ((tmp_path, "--assign", "zetadef"), 1, "wants KEY=VALUE"),
        ((tmp_path, "--assign", "a/b=smile"), 1, "cannot be a name"),
        ((tmp_path, "--assign", "zeta=("), 1, "filter ends too early"),
    ):
        found, err = refused(("concepts", *arguments), monkeypatch, capsys)
        assert (found, words in err) == (code, True), err
