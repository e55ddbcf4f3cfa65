"""What the editor's right side is answered: captions with their tags, conflicts, the tagger's word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lorabake.captions.editing import history_of
from lorabake.core.caption import text_hash
from lorabake.core.origins import Origins
from lorabake.core.workspace import Project, Workspace
from lorabake.ui import inspecting, sheets
from lorabake.ui.place import open_place, place
from tests.ui.browsing import make_project
from tests.ui.inspecting import let_tagger_say, texts

ID = "2_kafka/a.png"
CAPTIONS = {"a": "kafka, long hair, smile", "b": "kafka, smile", "c": ""}


@pytest.fixture
def project(workspace: Path) -> Project:
    made = make_project(workspace, "p", CAPTIONS)
    space = Workspace.open(workspace)
    lists = space.root / "tag-lists"
    lists.mkdir()
    rows = "long_hair,0,100,\nkafka_(honkai:_star_rail),4,50,kafka\nsmile,0,90,grin\n"
    (lists / "some.csv").write_text(rows, encoding="utf-8")
    open_place(space)
    return made


def call(function: Any, **data: Any) -> dict[str, Any]:
    answer = function({"project": "p", "id": ID, **data})
    assert isinstance(answer, dict)
    return answer


def test_a_caption_comes_with_kind_and_origin_of_its_tags(project: Project) -> None:
    sha = place().shelf("p").by_id[ID].sha
    Origins.open(project.dataset_dir).record(sha, ["smile"], "tagger", "practice")
    answer = call(inspecting.lb_open)
    assert answer["text"] == CAPTIONS["a"]
    assert answer["hash"] == text_hash(CAPTIONS["a"])
    assert answer["tags"] == [
        ["kafka", "trigger", "you"],
        ["long hair", "general", "you"],
        ["smile", "general", "tagger"],
    ]


def test_saving_needs_the_hash_of_what_was_read(project: Project) -> None:
    base = call(inspecting.lb_open)["hash"]
    path = project.dataset_dir / "2_kafka" / "a.txt"
    path.write_text("from elsewhere", encoding="utf-8")
    answer = call(inspecting.lb_save, text="mine", base_hash=base)
    assert answer == {"conflict": "from elsewhere", "hash": text_hash("from elsewhere")}
    assert path.read_text(encoding="utf-8") == "from elsewhere"
    answer = call(inspecting.lb_save, text="mine", base_hash=answer["hash"])
    assert answer["hash"] == text_hash("mine")
    assert path.read_text(encoding="utf-8") == "mine"


def test_the_page_knows_at_once_what_it_has_saved(project: Project) -> None:
    before = place().dataset_version("p")
    call(inspecting.lb_save, text="kafka", base_hash=text_hash(CAPTIONS["a"]))
    assert place().shelf("p").by_id[ID].tags == ("kafka",)
    assert place().dataset_version("p") != before


def test_undo_and_redo_are_of_this_caption_alone(project: Project) -> None:
    first = call(inspecting.lb_save, text="kafka, one", base_hash=text_hash(CAPTIONS["a"]))
    call(inspecting.lb_save, id="2_kafka/b.png", text="other", base_hash=text_hash(CAPTIONS["b"]))
    call(inspecting.lb_save, text="kafka, one, two", base_hash=first["hash"])
    assert call(inspecting.lb_undo_picture)["text"] == "kafka, one"
    assert call(inspecting.lb_undo_picture)["text"] == CAPTIONS["a"]
    assert call(inspecting.lb_undo_picture) == {"nothing": True}
    assert texts(project)["b"] == "other"
    assert call(inspecting.lb_redo_picture)["text"] == "kafka, one"
    assert texts(project)["a"] == "kafka, one"


def test_what_a_person_adds_again_is_theirs(project: Project) -> None:
    origins = Origins.open(project.dataset_dir)
    sha = place().shelf("p").by_id[ID].sha
    origins.record(sha, ["smile", "hat"], "tagger")
    answer = call(inspecting.lb_save, text="kafka, smile, hat", base_hash=text_hash(CAPTIONS["a"]))
    assert [origin for _, _, origin in answer["tags"]] == ["you", "tagger", "you"]


def test_what_the_tagger_says_and_the_caption_has_not(project: Project) -> None:
    tags = ["smile", "hat", "long_hair", "kafka_(honkai:_star_rail)"]
    sure = {"a.png": {"hat": 0.9, "smile": 0.1, "long_hair": 0.8}}
    let_tagger_say(place().workspace, project, sure, tags)
    answer = call(inspecting.lb_says)
    assert answer["known"]
    assert answer["missing"] == [["hat", "general", 0.9]]
    assert answer["doubted"] == ["smile"], "the trigger is never doubted"


def test_no_tagger_has_looked_yet(project: Project) -> None:
    assert call(inspecting.lb_says) == {"known": False, "missing": [], "doubted": []}


@pytest.mark.parametrize(
    "data",
    [
        {"id": "../../../etc/passwd"},
        {"id": "2_kafka/../../x.png"},
        {"id": 7},
        {"id": None},
        {"project": "../p"},
        {"project": ["p"]},
        {"id": "x" * 100_000},
    ],
)
@pytest.mark.parametrize("function", inspecting.CALLS[:5])
def test_ids_and_names_are_looked_up_and_never_made_into_paths(
    project: Project, function: Any, data: dict[str, Any]
) -> None:
    answer = call(function, **data)
    assert set(answer) == {"error"}
    assert "wrong inside" not in answer["error"]


def test_a_caption_that_is_none_is_told(project: Project) -> None:
    (project.dataset_dir / "2_kafka" / "a.txt").write_bytes(b"\0\1\2")
    assert "not a text file" in call(inspecting.lb_open)["error"]
    answer = call(inspecting.lb_save, text="x\0y", base_hash=text_hash(CAPTIONS["a"]))
    assert "error" in answer


# --- the yes/no sheet --------------------------------------------------------------------------


def toggle(*changes: Any, tag: str = "smile") -> dict[str, Any]:
    return call(sheets.lb_toggle, tag=tag, changes=list(changes))


def test_a_sheet_says_who_has_the_tag_in_any_spelling(project: Project) -> None:
    let_tagger_say(place().workspace, project, {"c.png": {"smile": 0.75}}, ["smile"])
    answer = call(sheets.lb_sheet, tag="Smile")
    assert answer["has"] == [ID, "2_kafka/b.png"]
    assert answer["says"] == {"2_kafka/c.png": 0.75}
    assert answer["known"]
    assert answer["category"] == "general"
    assert not call(sheets.lb_sheet, tag="unheard of")["known"]


def test_switching_many_is_one_step_and_touches_nothing_else(project: Project) -> None:
    path = project.dataset_dir / "2_kafka" / "b.txt"
    path.write_bytes(b"kafka, Smile , hat\r\nsecond line\r\n")
    answer = toggle([ID, False], ["2_kafka/b.png", False], ["2_kafka/c.png", True])
    assert sorted(answer["changed"]) == [ID, "2_kafka/b.png", "2_kafka/c.png"]
    assert path.read_bytes() == b"kafka, hat\r\nsecond line\r\n"
    assert texts(project)["a"] == "kafka, long hair"
    assert texts(project)["c"] == "smile"
    history = history_of(project.dataset_dir)
    step = history.can_undo
    assert step is not None
    assert step.count == 3
    assert step.title == 'Added "smile" to 1 caption, removed it from 2'
    history.undo()
    assert texts(project)["a"] == CAPTIONS["a"]
    assert path.read_bytes() == b"kafka, Smile , hat\r\nsecond line\r\n"


def test_switching_what_is_so_already_is_no_step(project: Project) -> None:
    assert toggle([ID, True]) == {"changed": [], "skipped": [], "title": ""}
    assert toggle([ID, False], [ID, True]) == {"changed": [], "skipped": [], "title": ""}


def test_the_trigger_goes_to_the_front(project: Project) -> None:
    toggle(["2_kafka/c.png", True], tag="kafka")
    toggle(["2_kafka/c.png", True], tag="hat")
    toggle(["2_kafka/c.png", False], tag="kafka")
    toggle(["2_kafka/c.png", True], tag="kafka")
    assert texts(project)["c"] == "kafka, hat"


@pytest.mark.parametrize("tag", ["", "  ", "a, b", "x" * 301, None, 7])
def test_only_one_tag_can_be_switched(project: Project, tag: Any) -> None:
    assert call(sheets.lb_toggle, tag=tag, changes=[[ID, True]]) == {
        "error": "Write one tag, without a comma."
    }


def test_odd_changes_are_left_out_and_lost_pictures_told(project: Project) -> None:
    answer = toggle(["2_kafka/gone.png", True], [1, True], [ID, "yes"], "x", None, [ID, True, 1])
    assert answer["changed"] == []
    assert answer["skipped"] == [["2_kafka/gone.png", "2_kafka/gone.png is no longer there."]]
    assert call(sheets.lb_toggle, tag="x", changes="no list")["changed"] == []
