"""What "Curating" asks and does, without a browser: nonsense gets a sentence, and nothing is lost."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lorabake.core.workspace import Project, Workspace
from lorabake.ui import curate_do, curate_erase, curate_view
from lorabake.ui.answers import BUG
from lorabake.ui.curate_measuring import measuring
from lorabake.ui.editing import lb_undo
from lorabake.ui.place import open_place, place
from tests.ui.browsing import make_project

CALLS: tuple[Callable[[Any], dict[str, Any]], ...] = (
    curate_view.lb_curating,
    curate_view.lb_curate_look,
    curate_view.lb_curate_set,
    *curate_do.CALLS,
    *curate_erase.CALLS,
)
ID = "2_kafka/a.png"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = make_project(tmp_path / "w", "kafka", {"a": "kafka, signature", "b": "kafka", "c": ""})
    open_place(Workspace.open(tmp_path / "w"))
    return found


def ask(call: Callable[[Any], dict[str, Any]], **data: Any) -> dict[str, Any]:
    answer = call({"project": "kafka", **data})
    assert "error" not in answer, answer
    return answer


def test_rows_know_flags_marks_and_what_the_recipe_makes_of_a_size(project: Project) -> None:
    ask(curate_do.lb_curate_deed, ids=[ID], do="star")
    measuring.begin("kafka", place().shelf("kafka"))
    assert measuring._thread is not None
    measuring._thread.join(30)
    answer = ask(curate_view.lb_curating)
    row = next(row for row in answer["rows"] if row[1] == "a.png")
    kinds = [kind for kind, _ in answer["kinds"]]
    assert row[5] >> kinds.index("signature") & 1
    assert row[6] > 0
    assert row[7] is not None
    assert row[8:] == [1, 0, 0]
    assert {need["kind"] for need in answer["missing"]} >= {"from side", "from behind"}
    seen = ask(curate_view.lb_curate_look, id=ID)
    assert any(kind == "signature" for kind, _, _ in seen["flags"])


def test_small_pictures_are_told_with_what_fills_the_bucket(project: Project) -> None:
    Image.new("RGB", (24, 24), "red").save(project.dataset_dir / "2_kafka" / "tiny.png")
    place().forget("kafka")
    seen = ask(curate_view.lb_curate_look, id="2_kafka/tiny.png")
    [why] = [why for kind, _, why in seen["flags"] if kind == "small"]
    assert "24 × 24 px" in why
    ask(curate_view.lb_curate_set, key="enlarged", value="8")
    seen = ask(curate_view.lb_curate_look, id="2_kafka/tiny.png")
    assert not [why for kind, _, why in seen["flags"] if kind == "small"]


def test_boxes_are_kept_and_come_back_with_their_buckets(project: Project) -> None:
    box = {"left": 8, "top": 8, "width": 40, "height": 60, "rotate": 90, "pad": ""}
    kept = ask(curate_do.lb_curate_keep_boxes, id=ID, boxes=[box])
    assert {key: kept["boxes"][0][key] for key in box} == box
    assert kept["boxes"][0]["room"]["bucket"]
    again = ask(curate_do.lb_curate_boxes, id=ID)
    assert again["boxes"] == kept["boxes"]
    shape = again["shapes"][0]
    snapped = ask(curate_do.lb_curate_box, id=ID, box=box, shape=shape)["box"]
    assert math.isclose(snapped["height"] / snapped["width"], shape[0] / shape[1], rel_tol=0.05)


def test_a_stroke_is_as_wide_as_the_brush(project: Project) -> None:
    mask = np.zeros((60, 80), dtype=bool)
    curate_erase._stroke(mask, [(20.0, 30.0), (60.0, 30.0)], 5.0)
    assert mask[:, 40].sum() == 10
    assert mask[30, 15:65].all()
    assert not mask[30, :14].any()
    answer = ask(
        curate_erase.lb_curate_paint,
        id=ID,
        strokes=[{"radius": 5, "points": [[20, 30], [60, 30]]}],
    )
    assert curate_erase.preview(answer["name"]).is_file()
    assert answer["width"] <= 96


def test_the_bin_takes_captions_along_and_undo_brings_them_back(project: Project) -> None:
    folder = project.dataset_dir / "2_kafka"
    ask(curate_do.lb_curate_deed, ids=[ID, "2_kafka/b.png", "2_kafka/gone.png"], do="bin")
    assert sorted(path.name for path in folder.iterdir()) == ["c.png", "c.txt"]
    ask(lb_undo)
    assert (folder / "a.txt").read_text(encoding="utf-8") == "kafka, signature"
    assert len(ask(curate_view.lb_curating)["rows"]) == 3


def test_previews_are_only_our_own(project: Project) -> None:
    for name in ("../../x", "0123456789abcdeF", "", "a" * 17):
        with pytest.raises(Exception, match="no longer there"):
            curate_erase.preview(name)


_NONSENSE = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
_NUMBER = st.integers(-200, 400) | st.floats() | st.text(max_size=3)
_BOX = st.fixed_dictionaries(
    {
        **dict.fromkeys(("left", "top", "width", "height"), _NUMBER),
        "rotate": st.sampled_from([0, 90, 45, "x"]),
        "pad": st.sampled_from(["", "edge", "#ffffff", "#x", 3]),
    }
)
_QUESTION = st.fixed_dictionaries(
    {"project": st.just("kafka"), "id": st.just(ID) | _NONSENSE},
    optional={
        "ids": st.lists(st.just(ID) | _NONSENSE, max_size=3),
        "do": st.sampled_from(["star", "unstar", "keep", "unkeep", "x"]),
        "box": _BOX | _NONSENSE,
        "boxes": st.lists(_BOX | st.lists(_NUMBER, max_size=5) | _NONSENSE, max_size=3),
        "shape": st.lists(st.integers(0, 200), max_size=3) | _NONSENSE,
        "strokes": st.lists(
            st.fixed_dictionaries(
                {"radius": _NUMBER, "points": st.lists(st.lists(_NUMBER, max_size=3), max_size=4)}
            )
            | _NONSENSE,
            max_size=3,
        ),
        "method": st.sampled_from(["telea", "ns", "../x.pth"]) | _NONSENSE,
        "key": st.sampled_from(["enlarged", "blurred", "bars"]) | _NONSENSE,
        "value": _NONSENSE,
        "keep": st.just(True),
    },
)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(question=_QUESTION, number=st.integers(0, len(CALLS) - 1))
def test_nonsense_gets_a_sentence(project: Project, question: dict[str, Any], number: int) -> None:
    answer = CALLS[number](question)
    assert answer.get("error") != BUG, (CALLS[number].__name__, question)
    assert (project.dataset_dir / "2_kafka" / "b.png").exists()
