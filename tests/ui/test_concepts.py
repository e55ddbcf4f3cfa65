"""What "Concepts, styles, outfits" asks and does, without a browser: the guide's four outfits, and nonsense."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lorabake.core.pictures import binned
from lorabake.core.workspace import Project, Workspace
from lorabake.ui import (
    concept_balance,
    concept_do,
    concept_groups,
    concept_subject,
    concept_triggers,
    concept_view,
    concepts,
)
from lorabake.ui.answers import BUG
from lorabake.ui.chosen import read_chosen
from lorabake.ui.curate_measuring import measuring
from lorabake.ui.place import open_place, place
from lorabake.ui.routes import _small
from tests.concepts.outfits import CLOTHES, outfit
from tests.ui.inspecting import let_tagger_say

CALLS: tuple[Callable[[Any], dict[str, Any]], ...] = (
    concept_view.lb_concepts,
    concept_view.lb_concept_find,
    *concept_subject.CALLS,
    *concept_do.CALLS,
    *concept_groups.CALLS,
    *concept_triggers.CALLS,
    *concept_balance.CALLS,
)
GUIDE = {"zetadef": 23, "zetasummer": 49, "zetadark": 100, "zetahalloween": 79}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two outfits on the pile, seven and four pictures."""
    found = Workspace.open(tmp_path / "w").create_project("zeta")
    outfit(found.dataset_dir, "zetadef", 7)
    outfit(found.dataset_dir, "zetadark", 4)
    open_place(Workspace.open(tmp_path / "w"))
    return found


def ask(call: Callable[[Any], dict[str, Any]], **data: Any) -> dict[str, Any]:
    answer = call({"project": "zeta", **data})
    assert "error" not in answer, answer
    return answer


def refused(call: Callable[[Any], dict[str, Any]], **data: Any) -> str:
    return str(call({"project": "zeta", **data})["error"])


def ids(expression: str = "") -> list[str]:
    """As the page does: rows first, then the numbers of those that are found."""
    answer = ask(concept_view.lb_concepts)
    names = [
        (answer["folders"][row[0]]["folder"] + "/" if row[0] >= 0 else "") + row[1]
        for row in answer["rows"]
    ]
    numbers = ask(concept_view.lb_concept_find, filter=expression)["numbers"]
    return [names[number] for number in numbers]


def folders() -> list[tuple[str, int]]:
    return [(one["folder"], one["images"]) for one in ask(concept_view.lb_concepts)["folders"]]


def going(way: str = "guide", **choice: Any) -> list[str]:
    """Ids of the pictures that would go, when all of them have been looked at."""
    ask(concept_balance.lb_concept_balance, way=way, **choice)
    for thread in (concept_groups._closer["zeta"].thread, measuring._thread):
        assert thread is not None
        thread.join(60)
    found = ask(concept_balance.lb_concept_balance, way=way, **choice)
    assert not found["looking"]
    return [one["id"] for folder in found["concepts"] for one in folder["remove"]]


def sort() -> None:
    """Each outfit into its folder, with its trigger."""
    ask(concept_do.lb_concept_folder, trigger="zetadef", ids=ids('tag:"red dress"'))
    ask(concept_do.lb_concept_folder, trigger="zetadark", ids=ids('tag:"black cape"'))
    ask(concept_triggers.lb_concept_write)


def test_the_guides_four_outfits(tmp_path: Path) -> None:
    """23, 49, 100 and 79 pictures: keep 20, 33, 100, 50, shown 5, 3, 1, 2 times; T = 399."""
    project = Workspace.open(tmp_path / "w").create_project("zeta")
    for at, (name, count) in enumerate(GUIDE.items()):
        folder = project.dataset_dir / f"1_{name}"
        folder.mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8), (at * 60, number, 90)).save(folder / f"{number}.png")
    open_place(Workspace.open(tmp_path / "w"))
    ask(concept_view.lb_concepts)
    ask(concept_subject.lb_concept_train, subject="outfits", also=[])
    found = ask(concept_balance.lb_concept_balance, way="guide")
    rows = {one["trigger"]: (one["keep"], one["repeats"]) for one in found["concepts"]}
    assert rows == {
        "zetadef": (20, 5), "zetasummer": (33, 3), "zetadark": (100, 1), "zetahalloween": (50, 2),
    }  # fmt: skip
    assert (found["T"], found["lost"], found["changing"]) == (399, 48, 3)
    assert [one["epochs"] for one in found["epochs"]] == [10, 5]
    assert found["epochs"][0]["row"].startswith("400 T × 10 epochs")
    fewer = ask(concept_balance.lb_concept_balance, way="fewest", tolerance=0.05)
    assert fewer["lost"] < 48
    assert fewer["spread"] <= 0.05
    assert ask(concept_balance.lb_concept_balance, way="repeats")["lost"] == 0
    done = ask(concept_balance.lb_concept_apply, way="guide", remove=going())
    assert (done["pictures"], done["folders"]) == (48, 3)
    assert len(binned(project.dataset_dir)) == 48
    assert concepts.state("zeta") == "4 folders, T = 399"
    ask(concept_balance.lb_concept_epochs, epochs=5)
    assert read_chosen(project).recipe.general.epochs == 5
    open_place(Workspace.open(tmp_path / "w"))  # after a restart too
    ask(concept_do.lb_concept_undo)
    assert dict(folders()) == {f"1_{name}": count for name, count in GUIDE.items()}
    ask(concept_do.lb_concept_redo)
    assert concepts.state("zeta") == "4 folders, T = 399"
    ask(concept_do.lb_concept_unbalance)
    assert concepts.state("zeta") == "4 folders, T = 251"


def test_from_the_pile_into_folders_and_back(project: Project) -> None:
    assert concepts.state("zeta") == "11 pictures in no folder yet"
    first, *rest = ids('tag:"red dress"')
    ask(concept_do.lb_concept_folder, trigger="zetadef", ids=[first])
    answer = ask(concept_view.lb_concepts)
    assert folders() == [("1_zetadef", 1)]
    assert [row[0] for row in answer["rows"]].count(-1) == 10
    sha = next(row[2] for row in answer["rows"] if row[0] < 0)
    assert _small("zeta", sha, 32).is_file(), (
        "the pile can be seen, though no other section sees it"
    )
    ask(concept_do.lb_concept_assign, ids=rest, folder="1_zetadef")
    # The page knows them under the names they had, and does not wait for the new ones.
    ask(concept_do.lb_concept_assign, ids=rest[:2], folder="")
    assert folders() == [("1_zetadef", 5)]
    ask(concept_do.lb_concept_folder, trigger="zetadark", ids=ids("tag:black_cape"))
    ask(concept_do.lb_concept_repeats, folder="1_zetadark", repeats=3)
    ask(concept_do.lb_concept_folder, trigger="zetabeach", ids=[])
    assert folders() == [("1_zetadef", 5), ("3_zetadark", 4), ("1_zetabeach", 0)], (
        "as they were made"
    )
    assert refused(concept_do.lb_concept_remove, folder="3_zetadark").endswith("it is not empty.")
    ask(concept_do.lb_concept_remove, folder="1_zetabeach")
    assert len(folders()) == 2
    assert "one tag" in refused(concept_do.lb_concept_folder, trigger="a, b", ids=[])
    assert "no longer there" in refused(concept_do.lb_concept_assign, ids=["x.png"], folder="")
    assert "no longer there" in refused(
        concept_do.lb_concept_assign, ids=ids()[:1], folder="../elsewhere"
    )
    for _ in range(4):
        ask(concept_do.lb_concept_undo)
    assert len(ids()) == 11
    assert all("/" not in one for one in ids())


def test_triggers_are_shown_written_and_renamed(project: Project) -> None:
    ask(concept_do.lb_concept_folder, trigger="zetadef", ids=ids('tag:"red dress"'))
    ask(concept_do.lb_concept_folder, trigger="dress", ids=ids('tag:"black cape"'))
    plan = ask(concept_triggers.lb_concept_triggers)
    assert [(one["trigger"], one["changing"]) for one in plan["folders"]] == [
        ("zetadef", 7), ("dress", 4),
    ]  # fmt: skip
    assert plan["folders"][1]["examples"][0]["rest"].startswith("1girl, black cape")
    assert {"bleed.inside", "bleed.untriggered"} <= {one["id"] for one in plan["bleeds"]}
    assert ask(concept_triggers.lb_concept_write)["changed"] == 11
    assert ask(concept_triggers.lb_concept_triggers)["changing"] == 0
    done = ask(concept_do.lb_concept_rename, folder="1_dress", trigger="zetadark")
    assert done == {"folder": "1_zetadark", "changed": 4}
    caption = project.dataset_dir / "1_zetadark" / "zetadark-000.txt"
    assert caption.read_text(encoding="utf-8").startswith("zetadark, 1girl")
    assert "bleed.inside" not in {
        one["id"] for one in ask(concept_triggers.lb_concept_triggers)["bleeds"]
    }
    assert "already a folder" in refused(
        concept_do.lb_concept_rename, folder="1_zetadark", trigger="ZetaDef"
    )


def test_what_pictures_show_is_added_where_captions_lack_it(project: Project) -> None:
    sort()
    root = project.dataset_dir
    names = {path.name: {"earrings": 0.9} for path in root.glob("*zetadef/*.png")}
    let_tagger_say(place().workspace, project, names, ["earrings"])
    place().forget("zeta")
    (root / "1_zetadef" / "zetadef-000.txt").write_text("zetadef, 1girl, dress", encoding="utf-8")
    found = ask(concept_triggers.lb_concept_triggers)["bleeds"]
    (lacking,) = [one for one in found if one["id"] == "bleed.lacking"]
    assert (lacking["tags"], lacking["count"]) == (["earrings"], 7)
    assert ask(concept_triggers.lb_concept_name, folder="1_zetadef")["changed"] == 7
    text = (root / "1_zetadef" / "zetadef-000.txt").read_text(encoding="utf-8")
    assert text == "zetadef, 1girl, dress, earrings"
    assert "by now" in refused(concept_triggers.lb_concept_name, folder="1_zetadef")


def test_groups_are_suggested_and_taken_over_as_one_step(project: Project) -> None:
    before = ids()
    assert "no pictures" in refused(concept_groups.lb_concept_suggest, of="1_nowhere")
    ask(concept_groups.lb_concept_suggest, of="")
    looking = concept_groups._looks["zeta"].thread
    assert looking is not None
    looking.join(60)
    found = ask(concept_groups.lb_concept_groups)
    assert not found["running"]
    assert [one["count"] for one in found["groups"]] == [7, 4]
    assert set(found["groups"][1]["tags"]) == set(CLOTHES["zetadark"][1])
    assert [one["name"] for one in found["groups"]] == ["zeta1", "zeta2"]
    answer = ask(concept_groups.lb_concept_take, groups=[[0, "zetadef"], [1, "zetadark"]])
    assert answer["title"] == "Sort 11 pictures into 2 folders"
    assert folders() == [("1_zetadef", 7), ("1_zetadark", 4)]
    assert "no longer there" in refused(concept_groups.lb_concept_take, groups=[[0, "zetadef"]])
    ask(concept_do.lb_concept_undo)
    assert ids() == before


def test_which_pictures_go_can_be_exchanged(project: Project) -> None:
    sort()
    small = project.dataset_dir / "1_zetadark" / "tiny.png"
    Image.new("RGB", (12, 12), "navy").save(small)
    found = ask(concept_balance.lb_concept_balance, way="guide")
    (dark,) = [one for one in found["concepts"] if one["trigger"] == "zetadark"]
    assert (dark["keep"], dark["repeats"]) == (3, 2)
    assert dark["remove"][0]["why"].startswith(("is small: 12 × 12", "has no caption"))
    other = "1_zetadark/zetadark-002.png"
    choice = {"way": "guide", "keep": ["1_zetadark/tiny.png"], "drop": [other]}
    found = ask(concept_balance.lb_concept_balance, **choice)
    (dark,) = [one for one in found["concepts"] if one["trigger"] == "zetadark"]
    assert dark["remove"][0]["id"] == other
    assert "1_zetadark/tiny.png" not in [one["id"] for one in dark["remove"]]
    assert "changed meanwhile" in refused(
        concept_balance.lb_concept_apply, **choice, remove=["1_zetadark/tiny.png"]
    )
    ask(concept_balance.lb_concept_apply, **choice, remove=going(**choice))
    assert (project.dataset_dir / "2_zetadark" / "tiny.png").exists()
    assert not (project.dataset_dir / "2_zetadark" / "zetadark-002.png").exists()


def test_one_folder_keeps_the_repeats_it_has(project: Project) -> None:
    ask(concept_do.lb_concept_folder, trigger="zetadef", ids=ids())
    ask(concept_do.lb_concept_repeats, folder="1_zetadef", repeats=2)
    found = ask(concept_balance.lb_concept_balance, way="guide")
    assert (found["lost"], found["changing"], found["T"]) == (0, 0, 22)
    assert [one["row"][:9] for one in found["epochs"]] == ["20 images", "20 images"]
    assert found["epochs"][0]["epochs"] > found["epochs"][1]["epochs"]


def test_a_subject_shows_its_changes_and_one_step_takes_them_back(project: Project) -> None:
    project.write_settings({"preset": "pdxl"})
    before = read_chosen(project)
    shown = ask(concept_subject.lb_concept_subject, subject="style")
    assert {one["key"] for one in shown["changes"]} >= {"captions.keep_tokens", "general.epochs"}
    assert all(one["why"] for one in shown["changes"])
    assert [one["key"] for one in shown["offered"]] == ["optimizer.unet_lr"]
    assert read_chosen(project) == before, "nothing is changed by looking"
    ask(concept_subject.lb_concept_train, subject="style", also=["optimizer.unet_lr"])
    after = read_chosen(project)
    assert after.overlays == ("style",)
    assert (after.recipe.captions.keep_tokens, after.recipe.general.epochs) == (0, 20)
    assert after.recipe.optimizer.unet_lr == pytest.approx(before.recipe.optimizer.unet_lr / 2)
    assert not ask(concept_subject.lb_concept_subject)["changes"], "and it is remembered"
    ask(concept_subject.lb_concept_settings_back)
    assert read_chosen(project).recipe == before.recipe
    ask(concept_subject.lb_concept_train, subject="style")
    ask(concept_subject.lb_concept_train, subject="outfits")
    assert read_chosen(project).recipe.captions.keep_tokens == 1
    assert read_chosen(project).recipe.general.epochs == before.recipe.general.epochs


_NONSENSE = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
_FOLDER = st.sampled_from(["", "*", "1_zetadef", "..", "1_x/../..", "1_zetadark"]) | _NONSENSE
_QUESTION = st.fixed_dictionaries(
    {"project": st.just("zeta")},
    optional={
        "ids": st.lists(st.just("zetadef-001.png") | _NONSENSE, max_size=3),
        "folder": _FOLDER,
        "of": _FOLDER,
        "trigger": st.sampled_from(["zetadef", "a/b", "con", "..", "x"]) | _NONSENSE,
        "repeats": st.integers(-5, 2000) | _NONSENSE,
        "filter": st.sampled_from(["tag:(", "smile"]) | _NONSENSE,
        "subject": st.sampled_from(["style", "outfits", "x"]) | _NONSENSE,
        "also": st.lists(st.just("optimizer.unet_lr") | _NONSENSE, max_size=3),
        "groups": st.lists(st.just([0, "zetadef"]) | _NONSENSE, max_size=3),
        "way": st.sampled_from(["guide", "fewest", "repeats", "x"]) | _NONSENSE,
        "tolerance": st.floats() | _NONSENSE,
        "keep": st.lists(st.just("1_zetadef/zetadef-001.png") | _NONSENSE, max_size=3),
        "drop": _NONSENSE,
        "remove": _NONSENSE,
        "epochs": st.integers(-5, 2000) | _NONSENSE,
    },
)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(question=_QUESTION, number=st.integers(0, len(CALLS) - 1))
def test_nonsense_gets_a_sentence(project: Project, question: dict[str, Any], number: int) -> None:
    answer = CALLS[number](question)
    assert answer.get("error") != BUG, (CALLS[number].__name__, question)
    inside = [path.name for path in project.dataset_dir.rglob("*.png")]
    assert (
        sorted(re.sub(r"-\d+\.png", "", name) for name in inside)
        == ["zetadark"] * 4 + ["zetadef"] * 7
    )
