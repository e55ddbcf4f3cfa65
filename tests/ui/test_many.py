"""What the gallery and "several at once" are answered: rows, filters, deeds over many captions, undo."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lorabake.captions.editing import history_of
from lorabake.core.origins import Origins
from lorabake.core.workspace import Project, Workspace
from lorabake.ui import editing, many
from lorabake.ui.place import open_place, place
from lorabake.ui.together import change_together
from tests.ui.browsing import make_project
from tests.ui.inspecting import texts

CAPTIONS = {
    "a": "kafka, long hair, smile",
    "b": "kafka, smile",
    "c": "",
    "d": "smile, hat, kafka, red eyes",
}
ALL = [f"2_kafka/{name}.png" for name in CAPTIONS]
ODD = b"\xef\xbb\xbf# of the 3rd day\r\n Smile ,hat\r\nsecond line\r\n"  # a mark, CRLF, more lines


@pytest.fixture
def project(workspace: Path) -> Project:
    made = make_project(workspace, "p", CAPTIONS)
    space = Workspace.open(workspace)
    lists = space.root / "tag-lists"
    lists.mkdir()
    rows = "long_hair,0,100,\nred_eyes,0,50,\nsmile,0,90,grin\n"
    (lists / "some.csv").write_text(rows, encoding="utf-8")
    open_place(space)
    return made


def call(function: Any, **data: Any) -> dict[str, Any]:
    answer = function({"project": "p", **data})
    assert isinstance(answer, dict)
    return answer


def do(deed: str, tag: str, other: str = "", ids: list[str] | None = None) -> dict[str, Any]:
    return call(many.lb_many, do=deed, tag=tag, other=other, ids=ALL if ids is None else ids)


def disk(project: Project) -> dict[str, bytes]:
    """The bytes of every caption by its name; what is not there is not here."""
    return {path.stem: path.read_bytes() for path in project.dataset_dir.glob("*/*.txt")}


# --- several at once -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deed", "tag", "other", "expected"),
    [
        # A tag stays where it is already, whatever its spelling; a trigger leads.
        (
            "add_end",
            "Long_Hair",
            "",
            {
                "b": "kafka, smile, Long_Hair",
                "c": "Long_Hair",
                "d": "smile, hat, kafka, red eyes, Long_Hair",
            },
        ),
        (
            "add_end",
            "hat, blush",
            "",
            {
                "a": "kafka, long hair, smile, hat, blush",
                "b": "kafka, smile, hat, blush",
                "c": "hat, blush",
                "d": "smile, hat, kafka, red eyes, blush",
            },
        ),
        ("add_end", "kafka", "", {"c": "kafka"}),
        # In front means behind the trigger where that leads, so that it keeps its place.
        (
            "add_front",
            "solo",
            "",
            {
                "a": "kafka, solo, long hair, smile",
                "b": "kafka, solo, smile",
                "c": "solo",
                "d": "solo, smile, hat, kafka, red eyes",
            },
        ),
        (
            "remove",
            "SMILE, red_eyes",
            "",
            {"a": "kafka, long hair", "b": "kafka", "d": "hat, kafka"},
        ),
        (
            "front",
            "smile, hat",
            "",
            {
                "a": "smile, kafka, long hair",
                "b": "smile, kafka",
            },
        ),
        # The new ones stand where the first of the old ones stood, and none is there twice.
        (
            "replace",
            "smile",
            "grin, hat",
            {
                "a": "kafka, long hair, grin, hat",
                "b": "kafka, grin, hat",
                "d": "grin, hat, kafka, red eyes",
            },
        ),
        (
            "replace",
            "long hair, smile",
            "kafka",
            {"a": "kafka", "b": "kafka", "d": "kafka, hat, red eyes"},
        ),
    ],
)
def test_each_deed_is_counted_before_done_undone_and_redone(
    project: Project, deed: str, tag: str, other: str, expected: dict[str, str]
) -> None:
    before = disk(project)
    assert call(many.lb_many_count, do=deed, tag=tag, other=other, ids=ALL) == {
        "count": len(expected)
    }
    assert disk(project) == before
    answer = do(deed, tag, other)
    assert answer["changed"] == len(expected)
    assert answer["skipped_count"] == 0
    after = disk(project)
    assert texts(project) == {**CAPTIONS, **expected}
    assert call(many.lb_many_count, do=deed, tag=tag, other=other, ids=ALL)["count"] == 0
    assert call(editing.lb_undo) == {
        "version": place().dataset_version("p"),
        "title": answer["title"],
        "changed": len(expected),
        "skipped": [],
        "skipped_count": 0,
    }
    assert disk(project) == before
    assert call(editing.lb_redo)["changed"] == len(expected)
    assert disk(project) == after


def test_a_step_says_in_its_title_what_it_did(project: Project) -> None:
    titles = [
        do("add_end", "blush, hat", ids=ALL[:2])["title"],
        do("replace", "blush", "grin", ids=ALL[:1])["title"],
        do("remove", "hat")["title"],
    ]
    assert titles == [
        'Added "blush, hat" to 2 captions',
        'Replaced "blush" by "grin" in 1 caption',
        'Removed "hat" from 3 captions',
    ]
    history = call(editing.lb_history)
    assert [step["title"] for step in history["operations"]] == titles[::-1]
    assert history["undo"]["title"] == titles[-1]
    assert history["redo"] is None
    call(editing.lb_undo)
    history = call(editing.lb_history)
    assert (history["undo"]["title"], history["redo"]["title"]) == (titles[1], titles[2])


def test_other_lines_marks_and_line_ends_stay(project: Project) -> None:
    path = project.dataset_dir / "2_kafka" / "b.txt"
    odd = b"\xef\xbb\xbfkafka, Smile ,hat\r\nsecond line\r\n"
    path.write_bytes(odd)
    assert do("replace", "smile", "grin")["changed"] == 3
    assert path.read_bytes() == b"\xef\xbb\xbfkafka, grin, hat\r\nsecond line\r\n"
    call(editing.lb_undo)
    assert path.read_bytes() == odd


def test_unknown_pictures_are_told_and_the_others_done(project: Project) -> None:
    outside = project.dataset_dir.parent / "outside.txt"
    outside.write_text("mine", encoding="utf-8")
    ids = ["2_kafka/gone.png", "../outside.png", ALL[1], ALL[1]]
    answer = do("add_end", "hat", ids=ids)
    assert answer["changed"] == 1
    assert answer["skipped"] == [[id, f"{id} is no longer there."] for id in ids[:2]]
    assert answer["skipped_count"] == 2
    assert texts(project) == {**CAPTIONS, "b": "kafka, smile, hat"}
    assert outside.read_text(encoding="utf-8") == "mine"
    assert call(many.lb_many_count, do="add_end", tag="blush", ids=ids) == {"count": 1}


@pytest.mark.parametrize("ids", [None, "2_kafka/a.png", [7, None, ["2_kafka/a.png"]], {}])
def test_what_is_no_list_of_pictures_changes_nothing(project: Project, ids: Any) -> None:
    before = disk(project)
    answer = call(many.lb_many, do="add_end", tag="hat", ids=ids)
    assert (answer["changed"], answer["skipped"]) == (0, [])
    assert call(many.lb_common, ids=ids)["count"] == 0
    assert disk(project) == before
    assert history_of(project.dataset_dir).can_undo is None


@pytest.mark.parametrize(
    "data",
    [
        {"do": "add_end", "tag": ""},
        {"do": "add_end", "tag": " , ,"},
        {"do": "add_end", "tag": "\0"},
        {"do": "replace", "tag": "smile"},
        {"do": "delete", "tag": "smile"},
        {"do": None, "tag": "smile"},
        {"do": "add_end", "tag": "smile", "project": "../p"},
        {"do": "add_end", "tag": "smile", "project": None},
    ],
)
@pytest.mark.parametrize("function", [many.lb_many, many.lb_many_count])
def test_what_cannot_be_done_is_refused_in_a_sentence(
    project: Project, function: Any, data: dict[str, Any]
) -> None:
    before = disk(project)
    answer = call(function, ids=ALL, **data)
    assert set(answer) == {"error"}
    assert "wrong inside" not in answer["error"]
    assert disk(project) == before


def test_nothing_to_change_is_no_step(project: Project) -> None:
    answer = do("remove", "never used")
    assert (answer["changed"], answer["title"], answer["skipped_count"]) == (0, "", 0)
    assert history_of(project.dataset_dir).can_undo is None


def test_a_file_that_is_no_caption_is_left_and_told(project: Project) -> None:
    path = project.dataset_dir / "2_kafka" / "a.txt"
    path.write_bytes(b"\0\1\2")
    answer = do("add_end", "blush")
    assert answer["changed"] == 3
    assert [id for id, _ in answer["skipped"]] == [ALL[0]]
    assert "not a text file" in answer["skipped"][0][1]
    assert path.read_bytes() == b"\0\1\2"


def test_a_caption_that_changes_in_the_middle_of_the_step_is_left_as_it_is(
    project: Project,
) -> None:
    """Another program writes between reading and writing: its text stays, and that is told."""
    path = project.dataset_dir / "2_kafka" / "b.txt"

    def change(picture: Any, caption: str) -> str:
        if picture.id == ALL[1]:
            path.write_text("from another program", encoding="utf-8")
        return f"{caption}, hat" if caption else "hat"

    step = change_together(project, ALL, change, lambda longer, rest: f"{longer} and {rest}")
    assert step.changed == (ALL[0], ALL[2], ALL[3])
    assert [id for id, _ in step.skipped] == [ALL[1]]
    assert texts(project) == {
        "a": "kafka, long hair, smile, hat",
        "b": "from another program",
        "c": "hat",
        "d": "smile, hat, kafka, red eyes, hat",
    }
    history_of(project.dataset_dir).undo()
    assert texts(project) == {**CAPTIONS, "b": "from another program"}


def test_undo_leaves_what_another_program_wrote_since(project: Project) -> None:
    do("add_end", "blush")
    path = project.dataset_dir / "2_kafka" / "a.txt"
    path.write_text("rewritten elsewhere", encoding="utf-8")
    answer = call(editing.lb_undo)
    assert answer["changed"] == 3
    assert answer["skipped_count"] == 1
    assert answer["skipped"][0][0] == "2_kafka/a.txt"
    assert texts(project) == {**CAPTIONS, "a": "rewritten elsewhere"}


def test_nothing_to_undo_is_a_sentence(project: Project) -> None:
    assert set(call(editing.lb_undo)) == {"error"}
    assert set(call(editing.lb_redo)) == {"error"}
    assert call(editing.lb_history) == {"undo": None, "redo": None, "operations": []}


def test_what_a_person_gives_to_several_is_theirs(project: Project) -> None:
    """A tag that a tagger wrote once and a person gives again is not replaced by the next run."""
    origins = Origins.open(project.dataset_dir)
    sha = place().shelf("p").by_id[ALL[1]].sha
    origins.record(sha, ["hat"], "tagger", "practice")
    assert origins.of(sha, ["hat"]) == ["tagger"]
    do("add_end", "hat")
    assert Origins.open(project.dataset_dir).of(sha, ["hat"]) == ["you"]


def test_any_deeds_undone_restore_every_byte(project: Project) -> None:
    folder = project.dataset_dir / "2_kafka"
    (folder / "a.txt").write_bytes(ODD)
    (folder / "b.txt").write_bytes("カフカ, 笑顔\r\n".encode("cp932"))
    (folder / "d.txt").unlink()  # a picture without any file
    before = disk(project)
    dice = random.Random(11)
    words = ["kafka", "smile", "hat", "笑顔", "a_(b)", "HAT", "second line", "é"]
    for _ in range(40):
        deed = dice.choice(list(many.DEEDS))
        tags, others = (", ".join(dice.sample(words, dice.randint(1, 3))) for _ in range(2))
        do(deed, tags, others, ids=dice.sample(ALL, dice.randint(1, 4)))
    assert disk(project) != before
    after = disk(project)
    steps = 0
    while history_of(project.dataset_dir).can_undo:
        assert call(editing.lb_undo)["skipped_count"] == 0
        steps += 1
    assert steps > 20
    assert disk(project) == before
    while history_of(project.dataset_dir).can_redo:
        assert call(editing.lb_redo)["skipped_count"] == 0
    assert disk(project) == after


def test_common_tags_come_with_their_counts_and_kinds(project: Project) -> None:
    (project.dataset_dir / "2_kafka" / "b.txt").write_text("kafka, Smile", encoding="utf-8")
    place().forget("p")
    answer = call(many.lb_common, ids=[*ALL, "2_kafka/gone.png"])
    assert (answer["count"], answer["captioned"]) == (4, 3)
    counts = {tag.lower(): (count, kind) for tag, count, kind in answer["tags"]}
    assert counts == {
        "kafka": (3, "trigger"),
        "smile": (3, "general"),
        "long hair": (1, "general"),
        "red eyes": (1, "general"),
        "hat": (1, ""),
    }
    assert [count for _, count, _ in answer["tags"]] == [3, 3, 1, 1, 1]


# --- the gallery -----------------------------------------------------------------------------------


def names(answer: dict[str, Any]) -> str:
    """The pictures of an answer of `lb_filter`, in its order: "acd"."""
    rows = call(editing.lb_editor)["rows"]
    numbers = range(len(rows)) if answer["numbers"] is None else answer["numbers"]
    return "".join(Path(rows[number][1]).stem for number in numbers)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("", "abcd"),
        ("smile", "abd"),
        ("tag:long_hair OR tag:hat", "ad"),
        ("smile NOT tag:hat", "ab"),
        ("NOT has:caption", "c"),
        ("tags:>=3", "ad"),
        ("name:b*", "b"),
        ("concept:kafka path:2_kafka/", "abcd"),
        ("width:>96", ""),
    ],
)
def test_a_filter_finds_rows_by_their_number(project: Project, expression: str, found: str) -> None:
    assert names(call(editing.lb_filter, filter=expression)) == found


@pytest.mark.parametrize("expression", ["tag:(solo OR", "tags:many", '"open', "( )"])
def test_a_mistake_in_a_filter_is_a_sentence_with_its_place(
    project: Project, expression: str
) -> None:
    answer = call(editing.lb_filter, filter=expression)
    assert set(answer) == {"error", "position"}
    assert answer["error"].endswith(".")
    assert 0 <= answer["position"] <= len(expression)


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("name", "abcd"),
        ("date", "dcba"),
        ("tags", "dabc"),
        ("tokens", "dabc"),
        ("size", "bacd"),
        ("bare", "cabd"),
        ("", "abcd"),
        ("no such order", "abcd"),
    ],
)
def test_rows_are_sorted_and_turned_round(workspace: Path, order: str, found: str) -> None:
    made = make_project(workspace, "p", CAPTIONS)
    for age, name in enumerate("dcba"):
        path = made.dataset_dir / "2_kafka" / f"{name}.png"
        if name == "b":
            Image.new("RGB", (128, 96)).save(path)
        os.utime(path, (1_700_000_000 - age * 60,) * 2)
    open_place(Workspace.open(workspace))
    assert names(call(editing.lb_filter, sort=order)) == found
    turned = names(call(editing.lb_filter, sort=order, reverse=True))
    keys = editing.SORTS.get(order)
    if keys is None:
        assert turned == found[::-1]
        return
    # Equal ones stay in the order of their folders, whichever way round.
    key = dict(zip("abcd", keys(place().shelf("p")), strict=True))
    assert turned == "".join(sorted("abcd", key=lambda name: key[name], reverse=True))


def test_rows_say_what_is_on_disk_now(project: Project) -> None:
    answer = call(editing.lb_editor)
    assert answer["folders"] == ["2_kafka"]
    assert [(row[1], row[3:]) for row in answer["rows"]] == [
        ("a.png", [96, 96, 3]),
        ("b.png", [96, 96, 2]),
        ("c.png", [96, 96, 0]),
        ("d.png", [96, 96, 4]),
    ]
    (project.dataset_dir / "2_kafka" / "c.txt").write_text("kafka", encoding="utf-8")
    again = call(editing.lb_editor)
    assert again["rows"][2][5] == 1
    assert again["version"] != answer["version"]
    assert again["listing"] == answer["listing"]


def test_only_what_changed_since_is_told(project: Project) -> None:
    first = call(editing.lb_editor)
    known = {key: first[key] for key in ("version", "listing")}
    assert call(editing.lb_changes, **known) == {**known, "tags": {}}
    version = do("add_end", "hat", ids=[ALL[1], ALL[2]])["version"]
    answer = call(editing.lb_changes, **known)
    assert answer == {**known, "version": version, "tags": {ALL[1]: 3, ALL[2]: 1}}
    do("remove", "hat", ids=[ALL[2]])
    assert call(editing.lb_changes, listing=known["listing"], version=version)["tags"] == {
        ALL[2]: 0
    }


@pytest.mark.parametrize(
    "stale", [{"version": 0}, {"listing": 1}, {"version": None}, {"listing": "x"}, {"version": -5}]
)
def test_who_holds_a_stale_token_is_told_to_read_all_anew(
    project: Project, stale: dict[str, Any]
) -> None:
    known = call(editing.lb_editor)
    do("add_end", "blush")
    asked = {"version": known["version"], "listing": known["listing"], **stale}
    assert call(editing.lb_changes, **asked)["tags"] is None


def test_other_pictures_make_another_listing(project: Project) -> None:
    first = call(editing.lb_editor)
    (project.dataset_dir / "2_kafka" / "d.png").unlink()
    answer = call(editing.lb_filter, filter="smile")
    assert answer["listing"] != first["listing"]  # so the page reads its rows before it uses them
    changes = call(editing.lb_changes, version=first["version"], listing=first["listing"])
    assert changes["tags"] is None
    assert [row[1] for row in call(editing.lb_editor)["rows"]] == ["a.png", "b.png", "c.png"]
