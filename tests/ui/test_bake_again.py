"""Bake again: cells of a grid become pictures of the data set, by its calls and in a real browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

pytest.importorskip("playwright", reason="playwright is not installed") if not os.environ.get(
    "LORABAKE_REQUIRE_BROWSER"
) else None

from playwright.sync_api import Browser, expect  # noqa: E402  (after the reason to skip)

from lorabake.core.files import atomic_write_json  # noqa: E402
from lorabake.core.history import close_history  # noqa: E402
from lorabake.core.sources import Baked, Sources  # noqa: E402
from lorabake.core.workspace import Project, Workspace  # noqa: E402
from lorabake.grid.board import board_of  # noqa: E402
from lorabake.grid.cells import write_png  # noqa: E402
from lorabake.grid.infotext import MadeBy, infotext  # noqa: E402
from lorabake.grid.job import PLAN, GridPlan, Row  # noqa: E402
from lorabake.ui import again, grab_do  # noqa: E402
from lorabake.ui.answers import BUG  # noqa: E402
from lorabake.ui.place import open_place  # noqa: E402
from tests.ui.browsing import make_project, open_section, visit, watched  # noqa: E402
from tests.ui.conftest import running_page  # noqa: E402

PROMPT = "masterpiece, 1girl, (ohwx:1.1), smile"
ALL = ["hands", "eyes", "accuracy"]
MANY = "kafka-02_0.8.png"  # epoch 2, weight 0.8


def make_grid(project: Project) -> str:
    """Three epochs by three weights, as rendering leaves them; the last cell is not there yet."""
    run = project.create_run("kafka")
    rows = tuple(Row(n, f"kafka-{n:02d}.safetensors", f"{n:064d}") for n in (1, 2, 3))
    plan = GridPlan(PROMPT, "", rows, (0.0, 0.8, 1.0), 7, 20, 5.0, "Euler a", 48, 64)
    hashes = {row.name: row.lora_hash for row in rows}
    texts = {
        spot.name: infotext(spot.shot, MadeBy("tiny", "0" * 64), hashes)
        for spot in board_of(plan, run).spots
    }
    folder = run.grid_dir / "first"
    folder.mkdir(parents=True)
    atomic_write_json(folder / PLAN, {"format": 1, **asdict(plan)})
    for row in rows:
        (run.folder / row.file).write_bytes(b"")
        for weight in plan.weights[: 2 if row.epoch == 3 else 3]:
            colour = (60 * row.epoch, round(200 * weight), 90)
            name = plan.cell_name(row, weight)
            write_png(folder / name, Image.new("RGB", (48, 64), colour), texts[name])
    return folder.name


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """14 pictures five times: 70 of an epoch, so that 30 generated ones make 30 %."""
    root = tmp_path_factory.mktemp("again") / "workspace"
    made = make_project(root, "kafka", {f"{n:02d}": f"ohwx, tag {n}" for n in range(14)}, "5_ohwx")
    make_grid(made)
    open_place(Workspace.open(root))
    yield made
    close_history(made.dataset_dir)


def call(function: Callable[[Any], dict[str, Any]], **data: Any) -> dict[str, Any]:
    answer = function({"project": "kafka", "run": "kafka", "grid": "first", **data})
    assert answer.get("error") != BUG
    return answer


def look(*cells: str, **data: Any) -> dict[str, Any]:
    answer = call(again.lb_again_look, cells=list(cells), **data)
    assert "error" not in answer, answer
    return answer


def passed(*names: str, caption: str = "ohwx, smile") -> list[dict[str, Any]]:
    return [{"name": name, "caption": caption, "checked": ALL} for name in names]


def test_what_it_would_be(project: Project) -> None:
    """The import's caption with the trigger in front; a folder of their own; where the share lies."""
    about = look(MANY, "kafka-01_0.0.png")
    assert (about["folder"], about["trigger"], about["limit"]) == ("ohwx generated", "ohwx", 30)
    assert [row["label"] for row in about["cells"]] == [
        "epoch 2 · weight 0.8",
        "epoch 1 · weight 0",
    ]
    assert {row["caption"] for row in about["cells"]} == {"ohwx, 1girl, smile"}
    assert [name for name, _, _ in about["checklist"]] == ALL
    said = "Generated pictures would be 3 % of what an epoch shows (2 of 72); now they are 0 %."
    assert about["share"] == {"level": "info", "said": said}
    assert look(MANY, trigger="")["cells"][0]["caption"] == "1girl, ohwx, smile"
    assert look(MANY, trigger="hat, smile")["cells"][0]["caption"] == "hat, smile, 1girl, ohwx"
    assert look(MANY, folder="ohwx", repeats=9)["repeats"] == 5  # the folder's own


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"repeats": 15}, ""),
        ({"repeats": 16}, "With 15 repeats all 2 would fit; with 16 repeats 1 of them would fit."),
        ({"repeats": 31}, "With 15 repeats all 2 would fit."),
        ({"repeats": 16, "count": 1}, ""),
        ({"repeats": 31, "count": 1}, "With 30 repeats it would fit."),
        ({"repeats": 9, "count": 40}, "With 9 repeats 3 of them would fit."),
        ({"repeats": 31, "count": 40}, "With 1 repeat 30 of them would fit."),
        ({"folder": "ohwx", "count": 7}, "With 5 repeats 6 of them would fit."),
        ({"repeats": 1, "limit": 1}, "Not one would fit: add pictures first"),
    ],
)
def test_what_would_fit(project: Project, wish: dict[str, Any], words: str) -> None:
    share = look(MANY, "kafka-01_0.0.png", **{"limit": 30, **wish})["share"]
    assert share["level"] == ("warn" if words else "info")
    assert words in share["said"]


def test_the_limit_is_remembered(project: Project) -> None:
    look(MANY, limit=45)
    assert look(MANY)["limit"] == 45
    assert look(MANY, limit=30)["limit"] == 30


def test_only_what_passed_goes_in_once_and_back(project: Project) -> None:
    names = [MANY, "kafka-03_0.0.png"]
    half = [{"name": MANY, "caption": "x", "checked": ["hands"]}]
    refused = call(again.lb_again, folder="mine", pictures=[*passed(names[1]), *half])["error"]
    assert refused.startswith(
        "The picture of epoch 2 · weight 0.8 has not passed yet: eyes, accura"
    )
    assert not (project.dataset_dir / "1_mine").exists()

    caption = "ohwx,\n <b>smile</b>"
    answer = call(
        again.lb_again, folder="mine", repeats=3, pictures=passed(*names, caption=caption)
    )
    assert answer["said"] == "Added 2 pictures to mine, all of them AI-generated."
    assert answer["share"] == "Generated pictures are 8 % of what an epoch shows."
    folder = project.dataset_dir / "3_mine"
    assert (folder / MANY).with_suffix(".txt").read_text() == "ohwx, <b>smile</b>\n"
    cell = project.run("kafka").grid_dir / "first" / MANY
    assert (folder / MANY).read_bytes() == cell.read_bytes()
    sources = Sources.open(project.dataset_dir)
    found = [sources.of(sha) for sha, name in sources.names().items() if name == "generated"]
    assert {source.baked for source in found if source} == {
        Baked("kafka", 2, 0.8, 7),
        Baked("kafka", 3, 0.0, 7),
    }

    assert look(MANY)["cells"][0]["here"] == f"It is here already: 3_mine/{MANY}."
    twice = call(again.lb_again, folder="other", pictures=passed(MANY))
    assert (twice["saved"], twice["operation"]) == (0, None)
    assert twice["skipped"] == [f"{MANY} was left out. This picture is here already."]

    done = call(grab_do.lb_grab_undo, operation=answer["operation"])
    assert done["said"] == "Add 2 pictures to 3_mine: taken back."
    assert not list(folder.glob("*.png"))
    assert look(MANY)["cells"][0]["here"] == ""
    call(grab_do.lb_grab_undo, operation=answer["operation"], redo=True)
    assert len(list(folder.glob("*.png"))) == 2
    call(grab_do.lb_grab_undo, operation=answer["operation"])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"pictures": []}, "Tick pictures of the grid first"),
        ({"pictures": passed(MANY), "folder": " "}, "Choose the folder first"),
        ({"pictures": passed("../../project.json")}, "no such picture in this grid"),
        ({"pictures": passed("grid.json")}, "no such picture in this grid"),
        ({"pictures": passed("kafka-03_1.0.png")}, "is not rendered yet"),
        ({"pictures": passed(MANY), "folder": "a/../b"}, "cannot be a name"),
        ({"pictures": passed(MANY), "grid": "../../.."}, "cannot be a name"),
        ({"pictures": passed(MANY), "run": "none"}, "no longer there"),
        ({"pictures": "all"}, "Tick pictures of the grid first"),
    ],
)
def test_what_is_refused_says_why(project: Project, data: dict[str, Any], words: str) -> None:
    before = sorted(project.dataset_dir.rglob("*"))
    assert words in call(again.lb_again, **{"folder": "mine", **data})["error"]
    assert sorted(project.dataset_dir.rglob("*")) == before


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "checked"]), inner)
    ),
    max_leaves=6,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["cells", "pictures", "folder", "trigger", "limit", "repeats", "count"]),
        JUNK,
    )
)
def test_whatever_is_sent_costs_a_sentence(project: Project, data: dict[str, Any]) -> None:
    call(again.lb_again_look, **data)
    assert "error" in call(again.lb_again, **data)


# --- in the browser ------------------------------------------------------------------------------


@pytest.mark.browser
def test_from_ticks_to_the_data_set_and_back(browser: Browser, tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    made = make_project(root, "kafka", {f"{n}": "ohwx, hat" for n in range(3)}, "5_ohwx")
    make_grid(made)
    with running_page(root) as page, watched(browser) as (context, _):
        tab = visit(context, page.address)
        open_section(tab, "ready")
        part = tab.locator("#lb-ready")
        expect(part.locator(".lb-grid-cell img")).to_have_count(8)
        part.get_by_role("checkbox", name="Tick epoch 1 · weight 0.8").check()
        first = part.get_by_role("button", name="epoch 1 · weight 0.8", exact=True)
        first.focus()
        tab.keyboard.press("ArrowDown")
        tab.keyboard.press("t")
        expect(part.locator("#lb-again-open")).to_have_text("Bake again with 2 pictures")
        tab.keyboard.press("Enter")
        tab.keyboard.press("ArrowRight")
        tab.keyboard.press("t")
        expect(part.get_by_role("checkbox", name="Tick (T)")).to_be_checked()
        tab.keyboard.press("Escape")
        part.locator("#lb-again-open").click()

        expect(part.locator("#lb-again-folder")).to_have_value("ohwx generated")
        add = part.locator("#lb-again-add")
        expect(add).to_be_disabled()
        part.locator("#lb-again-look").click()
        review = part.locator(".lb-again-review")
        expect(review).to_contain_text("epoch 1 · weight 0.8 · 1 of 3")
        # The second has no good eyes, and Enter does not let it pass.
        for key in ("1", "2", "3", "Enter", "1", "3", "Enter", "x", "1", "2", "3", "Enter"):
            tab.keyboard.press(key)
        expect(review).not_to_be_visible()
        verdicts = part.locator(".lb-again-verdict")
        expect(verdicts.nth(0)).to_have_text("✓ hands, eyes, accuracy")
        expect(verdicts.nth(1)).to_have_text("Left out: eyes")
        expect(part.locator(".lb-again-panel")).to_contain_text("12 % of what an epoch shows (2 of")
        part.get_by_role("textbox", name="Caption of epoch 1 · weight 0.8").fill("ohwx, mine")
        part.locator("#lb-again-trigger").fill("ohwx, night")
        other = part.get_by_role("textbox", name="Caption of epoch 2 · weight 1")
        expect(other).to_have_value("ohwx, night, 1girl, smile")
        expect(add).to_have_text("Add 2 pictures to ohwx generated")
        add.click()

        expect(part).to_contain_text(
            "Added 2 pictures to ohwx generated, all of them AI-generated."
        )
        expect(part.locator("#lb-again-open")).to_have_text("Bake again with 1 picture")
        expect(tab.locator("#sec-project > button")).to_contain_text("5 pictures")
        texts = {path.read_text() for path in made.dataset_dir.glob("1_ohwx generated/*.txt")}
        assert texts == {"ohwx, mine\n", "ohwx, night, 1girl, smile\n"}
        part.get_by_role("button", name="Undo").click()
        expect(part).to_contain_text("taken back.")
        expect(tab.locator("#sec-project > button")).to_contain_text("3 pictures")
