"""Process tags: the form, the difference that is shown, the preview that is applied, the way back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorabake.captions.settings import ProcessSettings
from lorabake.core.caption import parse_caption
from lorabake.core.filter import parse_filter
from lorabake.core.history import close_history
from lorabake.core.settings import setting_fields
from lorabake.core.workspace import Project, Workspace
from lorabake.ui import processing
from lorabake.ui import processing_do as doing
from lorabake.ui import processing_form as form
from lorabake.ui import processing_look as looking
from lorabake.ui import processing_recipes as recipes
from lorabake.ui import processing_tags as tables
from lorabake.ui.answers import BUG
from lorabake.ui.chosen import change, read_chosen, update_settings
from lorabake.ui.place import open_place, place
from lorabake.ui.processing_diff import difference, parts
from tests.ui.browsing import make_project

# --- the form ------------------------------------------------------------------------------------


def test_every_setting_stands_in_the_form_once() -> None:
    names = [field["name"] for group in form.describe() for field in group["fields"]]
    assert sorted(names) == sorted(spec.name for spec in setting_fields(ProcessSettings))
    assert names[:4] == ["tags_to_add", "tags_to_emphasise", "tags_to_remove", "rename"]


def test_what_the_fields_show_reads_back_as_the_same_settings() -> None:
    settings = ProcessSettings(
        tags_to_add="ohwx, (o)_(o)",
        replace="long_hair = very long hair\nb = c, d",
        rare_below=3,
        sort="frequency",
        remove_duplicates=False,
        regex_find=r"^(light|dark) (.+)$",
    )
    assert form.read_values(form.to_widgets(settings)) == (settings, {})


@pytest.mark.parametrize(
    "values",
    [
        {"rare_below": "many"},
        {"rare_below": -1},
        {"sort": "by mood"},
        {"tags_to_add": "x" * 30_000},
        {"tags_to_add": ["a"]},
        {"keep_first": float("nan")},
        {"rename": "perhaps"},
    ],
)
def test_what_does_not_fit_is_told_at_its_field(values: dict[str, object]) -> None:
    settings, errors = form.read_values(values)
    assert settings is None
    assert list(errors) == list(values)
    assert all(text.endswith(".") for text in errors.values())


@pytest.mark.parametrize("values", [None, [], "a", {"unknown": 1, 5: 6}, {}])
def test_what_is_no_form_counts_as_an_empty_one(values: object) -> None:
    assert form.read_values(values) == (ProcessSettings(), {})


def test_the_title_of_a_step_says_what_was_done() -> None:
    title = form.title_of(ProcessSettings(tags_to_add="ohwx", tags_to_remove="a, b, c, d, e"))
    assert title == "Process tags: add ohwx, remove a, b, c and 2 more"
    assert form.title_of(ProcessSettings()) == "Process tags: remove duplicates"
    assert len(form.title_of(ProcessSettings(tags_to_add="x" * 2000))) == 120


# --- the difference ------------------------------------------------------------------------------


def shown(before: str, after: str) -> str:
    """ "-a +b =c", with "a~b" for another spelling and "|" for a new line."""
    words = []
    for kind, tag, was, _ in parts(before, after, {}):
        words.append("|" if kind == "n" else f"{was}~{tag}" if kind == "~" else f"{kind}{tag}")
    return " ".join(words)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("a, b, c", "a, c", "=a -b =c"),
        ("a, b", "ohwx, a, b", "+ohwx =a =b"),
        ("a, long_hair", "a, long hair", "=a long_hair~long hair"),
        ("a, b, c", "c, a, b", ">c =a =b"),
        ("a, a, b", "a, b", "-a =a =b"),
        ("", "ohwx", "+ohwx"),
        ("a", "", "-a"),
        ("a, b\nc, d", "x, a, b\nc", "+x =a =b | =c -d"),
        ("a, b\nc", "a, b, c", "=a =b +c | -c"),
    ],
)
def test_a_difference_as_a_person_would_mark_it(before: str, after: str, wanted: str) -> None:
    assert shown(before, after) == wanted


tags = st.lists(st.sampled_from(["a", "b", "c", "long_hair", "Long_Hair", "long hair"]), max_size=8)


@given(tags, tags)
def test_a_difference_tells_everything(before: list[str], after: list[str]) -> None:
    """Reading only what stays, comes, moves and is respelled gives the caption as it will be."""
    old, new = ", ".join(before), ", ".join(after)
    told = [part for part in parts(old, new, {}) if part[0] in "=+>~"]
    assert tuple(tag for _, tag, *_ in told) == parse_caption(new).tags
    gone = [part for part in parts(old, new, {}) if part[0] == "-"]
    was = sorted(
        [tag for _, tag, *_ in gone] + [w if k == "~" else t for k, t, w, _ in told if k != "+"]
    )
    assert was == sorted(parse_caption(old).tags)


@given(tags, tags)
def test_gone_and_come_are_those_of_which_the_number_changes(
    before: list[str], after: list[str]
) -> None:
    gone, come = difference(", ".join(before), ", ".join(after))
    was, now = Counter(before), Counter(after)
    assert gone == {tag for tag in was if was[tag] > now[tag]}
    assert come == {tag for tag in now if now[tag] > was[tag]}


# --- what would change, doing it, the way back -----------------------------------------------------

NAME = "kafka"
CAPTIONS = {
    "a": b"1girl, solo, shirt, white shirt",
    "b": b"\xef\xbb\xbf1girl, simple_background, smile\r\n",
    "c": b"long hair, smile\nsecond line\n",
    "d": "kafka \\(hsr\\), smile, ünïcode".encode(),
}


@pytest.fixture
def project(workspace: Path) -> Iterator[Project]:
    made = make_project(workspace, NAME, dict.fromkeys(CAPTIONS, ""), folder="2_kafka")
    for stem, raw in CAPTIONS.items():
        (made.dataset_dir / "2_kafka" / f"{stem}.txt").write_bytes(raw)
    open_place(Workspace.open(workspace))
    yield made
    close_history(made.dataset_dir)


def raw(project: Project) -> dict[str, bytes]:
    folder = project.dataset_dir / "2_kafka"
    return {path.stem: path.read_bytes() for path in folder.glob("*.txt")}


def ask(function: Callable[[Any], dict[str, Any]], **data: Any) -> dict[str, Any]:
    return function({"project": NAME, **data})


def look(scope: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    return ask(looking.lb_process_preview, values=values, scope=scope or {"kind": "all"})


def test_what_was_previewed_is_written_and_comes_back_to_the_byte(project: Project) -> None:
    before = raw(project)
    found = look(tags_to_add="ohwx", tags_to_remove="smile, simple background")
    assert (found["looked"], found["count"], found["errors"]) == (4, 4, {})
    assert raw(project) == before, "looking changes nothing"
    assert ["-", "smile", 3, False] in found["tags"]
    assert ["+", "ohwx", 4, False] in found["tags"]
    assert found["found"]["tags_to_remove"] == "4 in 3 captions"

    done = ask(doing.lb_process_apply, preview=found["preview"])
    assert done["said"] == "Changed 4 captions."
    assert done["skipped"] == []
    assert (
        done["past"]["undo"]["title"] == "Process tags: add ohwx, remove smile, simple background"
    )
    after = raw(project)
    assert after["a"].startswith(b"ohwx, 1girl")
    assert after["b"] == b"\xef\xbb\xbfohwx, 1girl\r\n", "mark and line end stay"
    assert b"smile" not in b"".join(after.values())
    assert b"second line" in after["c"]
    assert place().shelf(NAME).by_id["2_kafka/b.png"].caption == "ohwx, 1girl", "the page knows"

    close_history(project.dataset_dir)  # as after a restart
    open_place(place().workspace)
    undone = ask(doing.lb_process_undo)
    assert undone["said"].startswith("Undone: Process tags: add ohwx")
    assert raw(project) == before
    ask(doing.lb_process_redo)
    assert raw(project) == after


def test_pictures_that_are_left_out_stay_as_they_are(project: Project) -> None:
    out = ["2_kafka/a.png", "2_kafka/gone.png", 5, None]
    found = ask(looking.lb_process_preview, values={"tags_to_add": "ohwx"}, without=out)
    assert found["left"] == ["2_kafka/a.png"]
    ask(doing.lb_process_apply, preview=found["preview"], without=out)
    assert raw(project)["a"] == CAPTIONS["a"]
    assert raw(project)["d"].startswith(b"ohwx")


def test_a_caption_that_changed_meanwhile_is_told_and_not_overwritten(project: Project) -> None:
    found = look(tags_to_add="ohwx")
    caption = project.dataset_dir / "2_kafka" / "c.txt"
    caption.write_bytes(b"from another editor")
    done = ask(doing.lb_process_apply, preview=found["preview"])
    assert [path for path, _ in done["skipped"]] == ["2_kafka/c.txt"]
    assert caption.read_bytes() == b"from another editor"
    assert done["said"] == "Changed 3 captions."


def test_a_preview_serves_once_and_for_its_own_project(project: Project) -> None:
    found = look(tags_to_add="ohwx")
    other = {"project": "other", "preview": found["preview"]}
    assert "no longer there" in doing.lb_process_apply(other)["error"]
    assert "error" not in ask(doing.lb_process_apply, preview=found["preview"])
    assert "no longer there" in ask(doing.lb_process_apply, preview=found["preview"])["error"]


def test_only_what_the_filter_finds_or_what_is_selected(project: Project) -> None:
    found = look({"kind": "filter", "filter": "tag:smile AND NOT name:b"}, tags_to_add="ohwx")
    assert found["looked"] == 2
    assert {row["name"] for row in found["rows"]} == {"c.png", "d.png"}
    ids = ["2_kafka/a.png", "../../etc/passwd", "2_kafka/gone.png"]
    found = look({"kind": "selected", "ids": ids}, tags_to_add="ohwx")
    assert [row["id"] for row in found["rows"]] == ["2_kafka/a.png"]


def test_what_cannot_be_understood_is_told_where_it_was_typed(project: Project) -> None:
    broken = look({"kind": "filter", "filter": "tag:(("}, tags_to_add="ohwx")
    assert "preview" not in broken
    assert broken["scope_error"].endswith(".")
    assert list(look(regex_find="(")["errors"]) == ["regex_find"]
    assert list(look(rare_below="x")["errors"]) == ["rare_below"]


def test_rows_come_in_pages_and_by_what_they_are_about(project: Project) -> None:
    found = look(tags_to_add="ohwx", tags_to_remove="smile", redundancy="whole words")
    name = found["preview"]
    page = ask(looking.lb_process_rows, preview=name, first=1, count=2)
    assert page["count"] == 4
    assert [row["name"] for row in page["rows"]] == ["b.png", "c.png"]
    smiles = ask(looking.lb_process_rows, preview=name, sign="-", tag="smile")
    assert {row["name"] for row in smiles["rows"]} == {"b.png", "c.png", "d.png"}
    operation = next(op for op, _, n in found["counts"] if n == 1)
    (row,) = ask(looking.lb_process_rows, preview=name, operation=operation)["rows"]
    assert any("white shirt" in text and not plain for text, plain in row["reasons"])
    assert ["-", "shirt", 1, True] in found["tags"], "may be kept: nobody named it"


def test_fields_are_remembered_beside_the_recipe(project: Project) -> None:
    change(project, "general.epochs", 3)
    look({"kind": "filter", "filter": "tag:smile"}, tags_to_add="ohwx", sort="reverse")
    shown = ask(recipes.lb_process, form=True)
    assert (shown["values"]["tags_to_add"], shown["values"]["sort"]) == ("ohwx", "reverse")
    assert shown["scope"] == {"kind": "filter", "filter": "tag:smile"}
    assert shown["groups"]
    assert read_chosen(project).recipe.general.epochs == 3
    update_settings(project, processing={"fields": {"sort": "by mood"}, "filter": 5})
    assert ask(recipes.lb_process)["values"]["tags_to_add"] == ""


def test_renaming_goes_with_it_and_comes_back_with_one_undo(project: Project) -> None:
    before = raw(project)
    found = look(tags_to_add="ohwx", rename=True)
    assert found["names"]["count"] == 4
    assert found["names"]["first"][0] == ["2_kafka/a.png", "2_kafka/1.png"]
    done = ask(doing.lb_process_apply, preview=found["preview"])
    assert done["said"] == "Changed 4 captions. Renamed 4 pictures."
    assert set(raw(project)) == {"1", "2", "3", "4"}
    assert "2_kafka/1.png" in place().shelf(NAME).by_id
    undone = ask(doing.lb_process_undo, ids=done["operations"])
    assert "error" not in undone
    assert raw(project) == before
    assert "Something else" in ask(doing.lb_process_undo, ids=done["operations"])["error"]


def test_sets_of_operations_are_saved_loaded_deleted_and_carried(project: Project) -> None:
    values = form.to_widgets(ProcessSettings(tags_to_remove="signature", sort="category"))
    saved = ask(recipes.lb_process_save, name="Clean up", values=values)
    assert saved["recipes"]["names"] == ["Clean up"]
    ask(recipes.lb_process_clear)
    assert ask(recipes.lb_process)["values"]["sort"] == "none"
    assert ask(recipes.lb_process_load, name="Clean up")["values"] == values
    gone = ask(recipes.lb_process_delete, name="Clean up")
    assert gone["recipes"]["names"] == []
    assert ask(recipes.lb_process_restore, id=gone["deleted"])["recipes"]["names"] == ["Clean up"]
    assert "error" in ask(recipes.lb_process_restore, id=gone["deleted"])
    assert "error" in ask(recipes.lb_process_save, name="../up", values=values)
    place().workspace.create_project("other")
    ask(recipes.lb_process_carry, to="other", values=values)
    assert recipes.lb_process({"project": "other"})["values"] == values
    assert "error" in ask(recipes.lb_process_carry, to="nobody", values=values)


def test_tags_are_counted_and_those_that_exclude_each_other_found(project: Project) -> None:
    (project.dataset_dir / "2_kafka" / "a.txt").write_bytes(b"kafka, blonde hair, red hair, smile")
    place().forget(NAME)
    counted = {tag: (n, kind) for tag, n, kind in ask(tables.lb_tags)["tags"]}
    assert counted["smile"][0] == 4
    assert counted["kafka"] == (1, "trigger")
    together = ask(tables.lb_bleeds, tag="red hair")["together"]
    assert {"blonde hair", "kafka"} <= {one["tag"] for one in together}
    (group,) = ask(tables.lb_exclusive)["groups"]
    assert group["pictures"] == group["shown"] == 1
    rows = place().shelf(NAME).facts
    found = parse_filter(group["filter"]).select(rows)
    assert [rows[index].id for index in found] == ["2_kafka/a.png"]
    assert tables.state(NAME).endswith("different tags")


ODD: tuple[Any, ...] = (None, [], {}, "x" * 70_000, -1, 1e400, True, {"a": [None]}, "\0", [[1]] * 9)


@pytest.mark.parametrize(
    "function",
    [value for name, value in vars(processing).items() if name.startswith("lb_")],
    ids=lambda function: str(getattr(function, "__name__", function)),
)
def test_nothing_that_is_sent_is_trusted(project: Project, function: Any) -> None:
    keys = ("values", "scope", "preview", "without", "ids", "first", "count", "sign", "tag")
    for odd in ODD:
        for name in (NAME, odd):
            data = {"project": name, **dict.fromkeys((*keys, "operation", "name", "to", "id"), odd)}
            answer = function(data)
            assert isinstance(answer, dict)
            assert answer.get("error") != BUG
    assert raw(project) == CAPTIONS
