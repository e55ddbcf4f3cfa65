""" "Use this one": from a cell of a grid to the web UI's folder and back, by its calls and in a real browser."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lorabake.core.files import atomic_write_json
from lorabake.core.secrets import write_key
from lorabake.core.workspace import Project, Workspace
from lorabake.engine.lora_file import save_lora
from lorabake.grid.handover import job
from lorabake.grid.job import PLAN, GridPlan, Row
from lorabake.ui import handover
from lorabake.ui.answers import BUG
from lorabake.ui.place import open_place
from tests.engine.tiny_networks import file_of
from tests.grid.hub import KEY, taking

NOTES = {"ss_output_name": "kafka", "ss_base_model_version": "sdxl_base_v1-0"}
TRICK = "ohwx, ${alert(1)} <img src=x onerror=alert(2)>"
WAIT = 120.0  # seconds for a process that imports torch on a busy machine


def make_project(root: Path, webui: Path) -> Project:
    """A finished bake with a grid of two epochs, and an A1111 in a folder that was added."""
    project = Workspace.open(root).create_project("kafka")
    run = project.create_run("kafka")
    rows = tuple(Row(n, f"kafka-{n:02d}.safetensors", f"{n:064d}") for n in (1, 2))
    plan = GridPlan("ohwx, smile", "hat", rows, (0.0, 0.8), 7, 20, 5.0, "Euler a", 48, 64)
    folder = run.grid_dir / "first"
    folder.mkdir(parents=True)
    atomic_write_json(folder / PLAN, {"format": 1, **asdict(plan)})
    notes = NOTES | {"modelspec.trigger_phrase": TRICK}
    for row in rows:
        save_lora(run.folder / row.file, file_of("lora", seed=row.epoch), notes)
        for weight in plan.weights:
            picture = Image.new("RGB", (48, 64), (60 * row.epoch, round(200 * weight), 90))
            picture.save(folder / plan.cell_name(row, weight))
    for name in ("models/Stable-diffusion", "models/Lora"):
        (webui / name).mkdir(parents=True)
    atomic_write_json(root / "shelf.json", {"format": 1, "folders": [str(webui)]})
    return project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("LORABAKE_LOOK_ELSEWHERE", "0")
    monkeypatch.setenv("LORABAKE_CONFIG", str(tmp_path / "config"))
    made = make_project(tmp_path / "workspace", tmp_path / "webui")
    open_place(Workspace.open(tmp_path / "workspace"))
    yield made
    for child in job._children.values():
        child.wait(WAIT)  # each has said its last word; nothing of it outlives the test
    job._children.clear()


def call(function: Callable[[Any], dict[str, Any]], **data: Any) -> dict[str, Any]:
    where = {"project": "kafka", "run": "kafka", "grid": "first", "epoch": 2, "weight": 0.8}
    answer = function({**where, **data})
    assert answer.get("error") != BUG
    return answer


def test_from_a_cell_to_the_web_ui_and_back(project: Project, tmp_path: Path) -> None:
    form = call(handover.lb_handover)
    values = {field["name"]: field["value"] for field in form["fields"]}
    assert (values["name"], values["weight"], values["trigger"]) == ("kafka", "0.8", TRICK)
    lora = str(tmp_path / "webui/models/Lora")
    assert form["folders"][0] == [lora, f"A1111 · {lora}"]
    assert form["folders"][-1][0] == str(tmp_path / "workspace/outputs")

    request = values | {"name": "hsr_kafka", "trigger": "ohwx"}
    words = call(handover.lb_handover_words, request=request)
    assert words["prompt"] == "<lora:hsr_kafka:0.8>, ohwx, smile"
    assert "# hsr\\_kafka" in words["card"]

    name = call(handover.lb_hand_over, request=request, folder=lora)["job"]
    state = ended(name)
    assert state["state"] == "finished", state
    names = ["hsr_kafka.safetensors", "hsr_kafka.json", "hsr_kafka.png"]
    assert (state["files"], state["folder"], state["can_undo"]) == (names, lora, True)
    sidecar = json.loads((Path(lora) / "hsr_kafka.json").read_text(encoding="utf-8"))
    assert (sidecar["preferred weight"], sidecar["negative text"]) == (0.8, "hat")

    (Path(lora) / "hsr_kafka.json").write_text("{}", encoding="utf-8")  # by the web UI, since
    assert call(handover.lb_handover_undo, job=name)["said"].startswith("Moved 2 files")
    assert [path.name for path in Path(lora).iterdir()] == ["hsr_kafka.json"]
    assert {path.name for path in project.trash_dir.rglob("*.*")} == {names[0], names[2]}
    assert "nothing to take back" in call(handover.lb_handover_undo, job=name)["error"]


def ended(name: str) -> dict[str, Any]:
    end = time.monotonic() + WAIT
    while (state := call(handover.lb_handover_state, job=name))["state"] in ("queued", "running"):
        assert time.monotonic() < end
        time.sleep(0.2)
    return state


def test_to_hugging_face_with_the_users_token_which_stays_unseen(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")  # which speaks to no server of a test
    ask = {"request": {"name": "kafka", "trigger": "ohwx", "weight": 0.8}, "repo": "me/kafka"}
    assert "no token" in call(handover.lb_handover_upload, **ask)["error"]
    write_key("huggingface", KEY)
    assert "OWNER/NAME" in call(handover.lb_handover_upload, **ask | {"repo": "kafka"})["error"]
    with taking() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        state = ended(call(handover.lb_handover_upload, **ask)["job"])
        assert state["state"] == "finished", state
        repo = hub.repos["me/kafka"]
        assert repo.private
        assert repo.files.keys() == {"kafka.safetensors", "kafka.json", "kafka.png", "README.md"}
        source = project.run("kafka").folder / "kafka-02.safetensors"
        assert repo.files["kafka.safetensors"] == source.read_bytes()
        assert b'instance_prompt: "ohwx"' in repo.files["README.md"]
        assert (state["url"], state["can_undo"]) == (f"{hub.address}/me/kafka", False)

        repo.private = False  # made public since: nothing goes there unasked
        refused = ended(call(handover.lb_handover_upload, **ask)["job"])
        assert (refused["state"], "everybody can see it" in refused["text"]) == ("failed", True)
        write_key("huggingface", "hf_0th3rK3y")
        refused = ended(call(handover.lb_handover_upload, **ask)["job"])
        assert "does not let this token write" in refused["text"]
        assert KEY not in "".join(hub.paths)
    told = [path for path in (tmp_path / "workspace").rglob("*") if path.is_file()]
    secrets = (KEY.encode(), b"hf_0th3rK3y")
    assert not [path for path in told if any(key in path.read_bytes() for key in secrets)]


def test_folders_are_found_typed_or_refused(project: Project, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    refused = call(handover.lb_handover_folder, path=str(mine))["error"]
    assert refused.startswith("There is no folder")
    mine.mkdir()
    listed = call(handover.lb_handover_folder, path=str(mine))["folders"]
    assert listed[0] == [str(mine), f"Your folder · {mine}"]
    wrong = call(handover.lb_hand_over, request={"name": "a"}, folder=str(tmp_path))
    assert "not on the list" in wrong["error"]
    for request in ({"name": "../a"}, {"name": "a", "weight": 0}, {"name": "a", "resize": "x"}):
        assert call(handover.lb_hand_over, request=request, folder=str(mine))["error"]
    assert "weight 0" in call(handover.lb_handover, weight=0)["error"]
    assert not project.jobs()
    (tmp_path / "comfy/models/checkpoints").mkdir(parents=True)
    (tmp_path / "comfy/models/loras").mkdir()
    (tmp_path / "more").mkdir()
    (tmp_path / "comfy/extra_model_paths.yaml").write_text(
        f"mine:\n  loras: {tmp_path / 'more'}\n  vae: {mine}\n", encoding="utf-8"
    )
    folders = [str(tmp_path / name) for name in ("webui", "comfy")]
    atomic_write_json(tmp_path / "workspace/shelf.json", {"format": 1, "folders": folders})
    found = [label for _, label in call(handover.lb_handover)["folders"]]
    assert found[2:4] == [f"ComfyUI · {tmp_path / n}" for n in ("comfy/models/loras", "more")]


def test_a_look_into_somebody_elses_lora(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "webui/models/Lora/mine/other.safetensors"
    file.parent.mkdir()
    tags = json.dumps({"2_a": {TRICK: 7, "hat": 3, "odd": "x"}, "1_b": {"hat": 2}, "c": [1]})
    save_lora(file, file_of("loha", "sd15"), NOTES | {"ss_tag_frequency": tags})
    listed = call(handover.lb_lora_files)["files"]
    assert listed == [[str(file), "A1111 · mine/other.safetensors"]]
    assert "no longer there" in call(handover.lb_look_into, file=str(tmp_path / "x"))["error"]
    name = call(handover.lb_look_into, file=str(file))["job"]
    end = time.monotonic() + WAIT
    while (found := call(handover.lb_looked_into, job=name))["state"] in ("queued", "running"):
        assert time.monotonic() < end
        time.sleep(0.2)
    assert found["state"] == "finished", found
    facts = dict(found["facts"])
    assert (facts["Made for"], facts["Network"]) == ("SD 1.5", "LoHa")
    assert facts["All weights are numbers"] == "yes"
    assert float(facts["Strength ‖ΔW‖ at weight 1"]) > 0
    assert found["tags"] == [[TRICK, 7], ["hat", 5]]
    assert found["warnings"] == []


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.dictionaries(
        st.sampled_from(["epoch", "weight", "request", "folder", "job", "path", "run", "grid"]),
        st.none() | st.integers() | st.floats() | st.text(max_size=6) | st.dictionaries(
            st.sampled_from(["name", "weight", "resize"]), st.integers() | st.text(max_size=4)
        ),
    )
)  # fmt: skip
def test_whatever_is_sent_costs_a_sentence(project: Project, data: dict[str, Any]) -> None:
    for function in handover.CALLS:
        call(function, **data)


@pytest.mark.browser
def test_use_this_one_in_the_browser(tmp_path: Path, chromium_path: str) -> None:
    if not os.environ.get("LORABAKE_REQUIRE_BROWSER"):
        pytest.importorskip("playwright", reason="playwright is not installed")
    from playwright.sync_api import expect

    from tests.ui.browsing import BAKE, chromium, open_section, visit, watched
    from tests.ui.conftest import running_page

    root, lora = tmp_path / "workspace", tmp_path / "webui/models/Lora"
    make_project(root, tmp_path / "webui")
    with (
        running_page(root, LORABAKE_LOOK_ELSEWHERE="0") as page,
        chromium(chromium_path) as browser,
        watched(browser, permissions=["clipboard-read", "clipboard-write"]) as (context, _),
    ):
        tab = visit(context, page.address)
        open_section(tab, "ready")
        part = tab.locator("#lb-ready")
        use = part.locator(".lb-handover-bar").first.get_by_role("button", name="Use this one")
        expect(use).to_be_disabled()  # weight 0 is chosen at first
        part.get_by_role("button", name="epoch 2 · weight 0.8", exact=True).click()
        box = part.locator("dialog.lb-lightbox[open]")
        box.get_by_role("button", name="Copy prompt").click()
        expect(box).to_contain_text("✓ Copied")
        assert tab.evaluate("navigator.clipboard.readText()").startswith("<lora:kafka:0.8>, ")
        box.get_by_role("button", name="Use this one").click()
        expect(box).to_have_count(0)
        expect(part.locator("#lb-handover-trigger")).to_have_value(TRICK)
        part.locator("#lb-handover-name").fill("hsr_kafka")
        if folder := os.environ.get("LORABAKE_PICTURES"):
            part.locator(".lb-handover").first.screenshot(path=f"{folder}/handover.png")
        write = part.locator("#lb-handover-write")
        expect(write).to_have_text("Write hsr_kafka.safetensors")
        write.click()
        expect(part.locator(".lb-handover-board")).to_contain_text(
            f"hsr_kafka.safetensors, hsr_kafka.json, hsr_kafka.png are in {lora}.", timeout=BAKE
        )
        assert sorted(path.suffix for path in lora.iterdir()) == [".json", ".png", ".safetensors"]
        part.locator(".lb-handover-board").get_by_role("button", name="Undo").click()
        expect(part).to_contain_text("Moved 3 files to the project's trash.")
        assert not list(lora.iterdir())
