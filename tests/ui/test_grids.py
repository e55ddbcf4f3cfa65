"""Grids of both kinds as the page gets them: one view, one request, their sheets; by its calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lorabake.core import jobs
from lorabake.core.dataset import scan_dataset
from lorabake.core.events import Event
from lorabake.core.history import close_history
from lorabake.core.settings import from_mapping
from lorabake.core.workspace import Project, Workspace
from lorabake.engine.lora_file import save_lora
from lorabake.grid.board import epochs_of, tasted
from lorabake.grid.failed import write_errors
from lorabake.grid.job import GridRequest, prepare_grid
from lorabake.grid.library import Bases
from lorabake.grid.shot import Shot
from lorabake.grid.xyz import open_board, prepare_xyz
from lorabake.grid.xyz_request import XyzRequest
from lorabake.recipe.presets import load_recipe
from lorabake.train.prepare import prepare_run
from lorabake.ui import again, grid_request, grids, handover
from lorabake.ui.answers import BUG
from lorabake.ui.place import open_place
from lorabake.ui.roles import Person, present
from tests.engine.tiny_networks import file_of
from tests.ui.browsing import make_project

PROMPT = "<lora:kafka-03:1.0>, ohwx, smile"
ASKED = {"prompt": PROMPT, "steps": 2, "size": "64x64"}
REASON = "kafka-01.safetensors is damaged. Bake it again."


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A bake of three epochs on the practice model, as it looks when it is done."""
    root = tmp_path_factory.mktemp("grids") / "workspace"
    made = make_project(root, "kafka", {"1": "ohwx, smile, hat", "2": "ohwx, hat"})
    workspace = Workspace.open(root)
    run = made.create_run("kafka")
    prepare_run(
        workspace, run.folder, scan_dataset(made.dataset_dir), load_recipe("practice"), name="kafka"
    )
    for epoch in (1, 2, 3):
        save_lora(run.folder / f"kafka-{epoch:02d}.safetensors", file_of("lora", seed=epoch), {})
    open_place(workspace)
    yield made
    close_history(made.dataset_dir)


@pytest.fixture(autouse=True)
def queued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queue only takes notes: nothing is rendered here."""
    asked: list[str] = []
    monkeypatch.setattr(jobs, "enqueue", lambda space, kind, folder, title: asked.append(title))
    return asked


def call(function: Callable[[Any], dict[str, Any]], **data: Any) -> dict[str, Any]:
    answer = function({"project": "kafka", "run": "kafka", **data})
    assert answer.get("error") != BUG
    return answer


def told(function: Callable[[Any], dict[str, Any]], **data: Any) -> dict[str, Any]:
    answer = call(function, **data)
    assert "error" not in answer, answer
    return answer


def ask(project: Project, **changes: Any) -> Path:
    request = from_mapping(XyzRequest, {**ASKED, **changes})
    return prepare_xyz(
        project.run("kafka"), request, Bases(Workspace.open(project.root.parents[1]))
    )


def paint(folder: Path, *left_out: str) -> None:
    for spot in open_board(folder).spots:
        if spot.name not in left_out:
            colour = (60 * spot.x, 60 * spot.y, 60 * spot.z)
            Image.new("RGB", (spot.shot.width, spot.shot.height), colour).save(folder / spot.name)


def test_both_kinds_have_one_shape(project: Project) -> None:
    asked = {"prompt": "ohwx, smile", "weights": "0, 0.8", "size": "64x64", "steps": 2}
    plain = prepare_grid(project.run("kafka"), from_mapping(GridRequest, asked))
    paint(plain)
    about = told(grids.lb_grid, grid=plain.name)
    assert (about["kind"], about["axis_names"]) == ("epochs", ["Weight", "Epoch"])
    assert (about["columns"], about["sheets"]) == (["weight 0", "weight 0.8"], [""])
    assert about["rows"] == ["epoch 1", "epoch 2", "epoch 3"]
    assert about["facts"] == "64 × 64 px · seed 1 · 2 steps · CFG 5 · Euler a"
    cells = about["cells"]
    assert [(cell["epoch"], cell["weight"]) for cell in cells] == [
        (1, 0), (1, 0.8), (2, 0), (2, 0.8), (3, 0), (3, 0.8)
    ]  # fmt: skip
    assert cells[3] == {
        "at": [1, 1, 0], "name": "kafka-02_0.8.png", "label": "epoch 2 · weight 0.8",
        "state": "done", "error": "", "epoch": 2, "weight": 0.8, "why": "",
    }  # fmt: skip
    assert cells[2]["why"].startswith("At weight 0")

    folder = ask(project, x="Prompt S/R=-03, -02", y="Steps=2-3", z="Prompt S/R=smile, , hat")
    paint(folder, "1-01-01.png", "3-02-02.png")
    write_errors(folder, {"1-01-01.png": REASON})
    about = told(grids.lb_grid, grid=folder.name)
    assert about.keys() == told(grids.lb_grid, grid=plain.name).keys()
    assert (about["kind"], about["shape"]) == ("xyz", [64, 64])
    assert about["axis_names"] == ["Prompt S/R", "Steps", "Prompt S/R"]
    assert (about["columns"], about["rows"]) == (["-03", "-02"], ["Steps: 2", "Steps: 3"])
    assert about["sheets"] == ["smile", "(nothing)", "hat"]
    assert about["facts"] == "64 × 64 px · seed 1 · CFG 5 · Euler a"
    cells = about["cells"]
    assert [cell["at"] for cell in cells] == [
        [x, y, z] for z in range(3) for y in range(2) for x in range(2)
    ]
    assert (cells[0]["state"], cells[0]["error"]) == ("failed", REASON)
    assert (cells[-1]["state"], cells[-1]["label"]) == ("waiting", "-02 · Steps: 3 · hat")
    assert (cells[1]["state"], cells[1]["epoch"], cells[1]["weight"]) == ("done", 2, 1.0)
    assert (about["done"], len(cells)) == (10, 12)
    rows = told(grid_request.lb_ready)["grids"]
    assert rows[0]["label"].startswith("2 × 2 × 3 · Prompt S/R × Steps × Prompt S/R · <lora:")
    assert rows[1] == {"name": plain.name, "label": "3 × 2 · ohwx, smile"}


def test_a_reason_goes_when_the_picture_comes(project: Project, queued: list[str]) -> None:
    folder = ask(project, x="Seed=1, 2", prompt="ohwx, again")
    paint(folder, "1-01-02.png")
    write_errors(folder, {"1-01-02.png": REASON})
    told(grids.lb_grid_retry, grid=folder.name)
    assert queued == [f"kafka: {folder.name}"]
    paint(folder)
    assert {cell["state"] for cell in told(grids.lb_grid, grid=folder.name)["cells"]} == {"done"}
    (folder / "errors.json").write_text("[]", encoding="utf-8")
    assert told(grids.lb_grid, grid=folder.name)["done"] == 2


@pytest.mark.parametrize(
    ("prompt", "epoch", "weight", "why"),
    [
        ("<lora:kafka-02:0.7>, ohwx", 2, 0.7, ""),
        ("<lora:style:0.3> <lora:kafka-02:0.7>, ohwx", 2, 0.7, ""),
        ("<lora:kafka-02:0>, ohwx", 2, 0.0, "weight 0"),
        ("<lora:kafka-02:1:0.5>, ohwx", 2, None, "differ"),
        ("<lora:style:1>, ohwx", None, None, "No file of this run"),
        ("<lora:kafka-02:1> <lora:kafka-03:1>, ohwx", None, None, "more than one file"),
    ],
)
def test_what_a_picture_tastes_of(
    project: Project, prompt: str, epoch: int | None, weight: float | None, why: str
) -> None:
    shot = Shot(
        prompt=prompt, negative="", seed=1, steps=2, cfg=5, sampler="Euler", width=64, height=64
    )
    found = tasted(shot, epochs_of(project.run("kafka")))
    assert (found.epoch, found.weight) == (epoch, weight)
    assert why in found.why
    assert bool(why) == bool(found.why)


def test_a_cell_of_any_axes_is_used_and_baked_again(project: Project) -> None:
    """Its own picture and prompt, though another grid has one of the same epoch and weight."""
    folder = ask(
        project, x="Prompt S/R=-03, -02", y="Prompt S/R=1.0>, 0.8>", prompt=f"{PROMPT}, red"
    )
    paint(folder)
    cell = told(grids.lb_grid, grid=folder.name)["cells"][3]
    assert (cell["epoch"], cell["weight"]) == (2, 0.8)
    asked = {"grid": folder.name, "picture": cell["name"], "epoch": 2, "weight": 0.8}
    request = {"name": "hsr", "trigger": "ohwx", "weight": 0.8}
    words = told(handover.lb_handover_words, **asked, request=request)
    assert words["prompt"] == "<lora:hsr:0.8>, ohwx, smile, red"
    assert "64 × 64 px, seed 1, 2 steps" in words["card"]
    row = told(again.lb_again_look, grid=folder.name, cells=[cell["name"]])["cells"][0]
    assert (row["label"], row["seed"]) == ("-02 · 0.8>", 1)

    bare = ask(project, x="Prompt S/R=<lora:kafka-03:1.0>, ")
    paint(bare)
    cell = told(grids.lb_grid, grid=bare.name)["cells"][1]
    assert (cell["label"], cell["epoch"]) == ("(nothing)", None)
    refused = call(again.lb_again_look, grid=bare.name, cells=[cell["name"]])["error"]
    assert "cannot be baked again. No file of this run" in refused


def test_the_guides_strings_by_one_click(project: Project) -> None:
    for prompt in ("ohwx, smile", "<lora:kafka-01:0.4>, ohwx, smile"):
        made = told(grid_request.lb_as_guide, request={"prompt": prompt})
        assert made == {
            "prompt": PROMPT,
            "x": "Prompt S/R=-03, -02, -01",
            "y": "Prompt S/R=1.0>, 0.9>, 0.8>, 0.7>, 0.6>, 0.5>",
            "z": "",
        }
    answer = told(grid_request.lb_count, form="xyz", request={**ASKED, **made})
    assert (answer["count"], answer["warnings"]) == (18, [])
    twice = {**ASKED, **made, "prompt": f"{PROMPT}, number-03"}
    warnings = told(grid_request.lb_count, form="xyz", request=twice)["warnings"]
    assert warnings == ["Prompt S/R finds '-03' 2 times and replaces all of them."]


def test_what_was_asked_is_kept_and_shared_by_both_forms(project: Project) -> None:
    request = {**ASKED, "x": "Epoch=", "y": "CFG scale=4-6", "z": "", "margin": 7}
    assert told(grid_request.lb_count, form="xyz", request=request)["count"] == 9
    about = told(grid_request.lb_ready)
    values = {field["name"]: field["value"] for field in about["fields"]}
    assert about["form"] == "xyz"
    assert (values["x"], values["y"], values["margin"]) == ("Epoch=", "CFG scale=4-6", "7")
    assert (values["prompt"], values["weights"]) == (PROMPT, "0, 0.6, 0.8, 1.0")
    told(grid_request.lb_count, form="epochs", request={"prompt": "1girl", "weights": "1.0"})
    about = told(grid_request.lb_ready)
    values = {field["name"]: field["value"] for field in about["fields"]}
    assert (about["form"], values["prompt"], values["x"]) == ("epochs", "1girl", "Epoch=")
    names = [field["name"] for field in about["fields"]]
    assert len(names) == len(set(names))
    fill = {axis["name"]: axis["fill"] for axis in about["axes"]}
    assert fill["Epoch"] == "1, 2, 3"
    assert fill["Sampler"].startswith("Euler a, Euler, ")
    assert fill["Base model"].startswith("practice")
    assert fill["Steps"] == ""


def test_the_last_grids_pace_tells_how_long(project: Project) -> None:
    folder = ask(project, x="Seed=1-4", prompt="ohwx, pace")
    told_at = [
        Event("phase", 1000.0, {"name": "load", "detail": ""}),
        *(
            Event("cell", 1003.0 + number, {"path": spot.name, "label": spot.label})
            for number, spot in enumerate(open_board(folder).spots)
        ),
    ]
    (folder / "events.jsonl").write_bytes(b"".join(event.line for event in told_at))
    answer = told(grid_request.lb_count, form="xyz", request={**ASKED, "x": "Seed=1-8", "steps": 4})
    assert answer["seconds"] == pytest.approx(4 * 6.0)  # twice the pictures, twice the steps


def test_who_may_only_look_is_told_how_many_and_leaves_nothing(project: Project) -> None:
    before = project.settings_path.read_bytes()
    with present(Person("viewer")):
        request = {**ASKED, "x": "Seed=1-7", "y": "CFG scale=9"}
        assert told(grid_request.lb_count, form="xyz", request=request)["count"] == 7
        assert "error" in call(grid_request.lb_render, form="xyz", request=request)
    assert project.settings_path.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x": "Hats=1"}, "no axis called"),
        ({"x": "Prompt S/R=-03, -09"}, "no LoRA called 'kafka-09'"),
        ({"x": "Seed=1-50", "y": "Steps=1-20"}, "1000 pictures; a sheet holds 400"),
        ({"x": "Base model=/etc/passwd"}, "no base model"),
        ({"x": "Base model=../../models/practice"}, "no base model"),
        ({"x": "Epoch=../x:1"}, "cannot be a name"),
        ({"x": "CFG scale=90"}, "not between 1 and 30"),
        ({"prompt": ""}, "There is no prompt"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_rendered(
    project: Project, queued: list[str], changes: dict[str, Any], words: str
) -> None:
    request = {**ASKED, **changes}
    for function in (grid_request.lb_count, grid_request.lb_render):
        assert words in call(function, form="xyz", request=request)["error"]
    assert not queued


def test_sheets_of_one_z_and_the_page_for_a_friend(project: Project) -> None:
    folder = ask(project, x="Seed=1, 2", z="Steps=2, 3, 4", prompt="ohwx, sheets")
    paint(folder, "2-01-02.png")
    write_errors(folder, {"2-01-02.png": REASON})
    where = ("kafka", "kafka", folder.name)
    second = grids.sub_sheet_path(*where, 2)
    with Image.open(second) as sheet:
        assert sheet.size[0] == 2 * 256
        assert sheet.getpixel((128, sheet.size[1] - 128)) == (0, 0, 60)
    made = second.stat().st_mtime_ns
    assert grids.sub_sheet_path(*where, 2).stat().st_mtime_ns == made
    paint(folder)
    assert grids.sub_sheet_path(*where, 2).stat().st_mtime_ns > made
    for z in (0, 4):
        with pytest.raises(Exception, match="no such sheet"):
            grids.sub_sheet_path(*where, z)
    assert told(grids.lb_grid_page, grid=folder.name)["mib"] > 0
    assert grids.page_path(*where).read_text(encoding="utf-8").startswith("<!doctype html>")
    for name in ("xyz.json", "../../recipe.toml", "errors.json"):
        with pytest.raises(Exception, match="no such picture"):
            grids.cell_path(*where, name)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
NAMES = ["form", "request", "grid", "run", "project"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(NAMES), JUNK),
    st.dictionaries(st.sampled_from([*ASKED, "x", "y", "z", "negative", "margin"]), JUNK),
)
def test_whatever_is_sent_costs_a_sentence(
    project: Project, data: dict[str, Any], request_: dict[str, Any]
) -> None:
    for function in (
        grids.lb_grid,
        grids.lb_grid_retry,
        grids.lb_grid_page,
        grid_request.lb_ready,
        grid_request.lb_count,
        grid_request.lb_as_guide,
        grid_request.lb_render,
    ):
        call(function, **data)
    call(grid_request.lb_count, form="xyz", request=request_)
