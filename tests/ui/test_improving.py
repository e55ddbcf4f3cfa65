"""What "Improving the quality" asks and does, without a browser: what is chosen, told, done and undone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from lorabake.core import jobs
from lorabake.core.settings import setting_fields
from lorabake.core.workspace import Project, Workspace
from lorabake.enhance.contrast import apply_curve
from lorabake.enhance.estimate import Pace, keep_pace
from lorabake.enhance.job import start_enhance
from lorabake.enhance.models import resolve_upscaler
from lorabake.enhance.settings import EnhanceSettings
from lorabake.enhance.sitting import curves_of
from lorabake.ui import (
    improve_choice,
    improve_close,
    improve_plan,
    improve_view,
    improve_work,
    improving,
)
from lorabake.ui.answers import BUG
from lorabake.ui.improve_looking import Looking, looking
from lorabake.ui.place import open_place, place
from lorabake.ui.uploads import batch_folder
from tests.enhance.models import drawing, save_pth, tiny_esrgan

NAME = "kafka"
SMALL, SOFT, GOOD = "2_kafka/small.png", "2_kafka/soft.png", "2_kafka/good.png"
FRAMES = ("2_kafka/frame1.png", "2_kafka/frame2.png")
MODEL = "2x-Tiny.pth"


@pytest.fixture
def project(workspace: Path) -> Project:
    """A recipe of 256 px: one picture too small, one blurred, one good, two washed-out frames."""
    opened = Workspace.open(workspace)
    made = opened.create_project(NAME)
    folder = made.dataset_dir / "2_kafka"
    folder.mkdir(parents=True)
    Image.fromarray(drawing(120, 128, seed=1)).save(folder / "small.png")
    (folder / "small.txt").write_text("kafka, solo", encoding="utf-8")
    soft = Image.fromarray(drawing(300, 300, seed=2)).filter(ImageFilter.GaussianBlur(4))
    soft.save(folder / "soft.png")
    Image.fromarray(drawing(300, 320, seed=3)).save(folder / "good.png")
    for number in (1, 2):
        grey = 40 + drawing(300, 280, seed=4) * 0.6 + number
        Image.fromarray(grey.astype(np.uint8)).save(folder / f"frame{number}.png")
    changes = {"general.resolution": 256, "bucket.max_bucket_reso": 512}
    made.write_settings({"preset": "practice", "changes": changes})
    open_place(opened)
    looking.begin(NAME, place().shelf(NAME))
    assert looking._thread is not None
    looking._thread.join(60)
    return made


def ask(call: Callable[[Any], dict[str, Any]], **data: Any) -> dict[str, Any]:
    answer = call({"project": NAME, **data})
    assert "error" not in answer, answer
    return answer


def refused(call: Callable[[Any], dict[str, Any]], **data: Any) -> str:
    answer = call({"project": NAME, **data})
    assert "error" in answer, answer
    return str(answer["error"])


def tiny_model() -> Path:
    return save_pth(tiny_esrgan(2), place().workspace.models_dir / "upscalers" / MODEL)


# --- what there is ------------------------------------------------------------------------------


def test_rows_say_who_needs_it_and_why(project: Project) -> None:
    answer = ask(improve_view.lb_improve_rows)
    needs = {row[1]: row[5] for row in answer["rows"]}
    assert needs == {"small.png": 1, "soft.png": 2, "good.png": 0} | dict.fromkeys(
        ("frame1.png", "frame2.png"), 0
    )
    view = ask(improve_work.lb_improving, form=True)
    assert (view["small"], view["blurred"], view["pictures"]) == (1, 1, 5)
    assert not view["looking"]["running"]
    assert improving.state(NAME) == "2 of 5 pictures need it"
    told = ask(improve_plan.lb_improve_picture, id=SMALL)
    assert "120 × 128 px do not fill its bucket" in told["why"][0][1]
    assert told["curve"] is None
    drawn = [field["key"] for field in view["form"]]
    assert set(drawn) == {spec.name for spec in setting_fields(EnhanceSettings)} - {"upscaler"}


def test_a_look_can_be_stopped_and_goes_on(project: Project) -> None:
    mine, shelf = Looking(), place().shelf(NAME)
    mine.begin(NAME, shelf)
    mine.stop()
    assert mine._thread is not None
    mine._thread.join(30)
    mine.begin(NAME, shelf)
    assert not mine.running  # stopped is stopped, until somebody asks
    mine.begin(NAME, shelf, again=True)
    mine._thread.join(30)
    assert (mine.done, mine.stopped) == (5, False)


# --- what is chosen -----------------------------------------------------------------------------


def test_settings_are_remembered_and_go_back_to_the_usual(project: Project) -> None:
    tiny_model()
    ask(improve_choice.lb_improve_set, key="upscaler", value="2x-tiny")
    ask(improve_choice.lb_improve_set, key="factor", value="1.5")
    answer = ask(improve_choice.lb_improve_set, key="contrast", value=True)
    assert answer["values"]["upscaler"] == MODEL  # by its own name
    assert not answer["usual"]
    assert improve_choice.read_improving(project).factor == 1.5
    assert "Resize" in refused(improve_choice.lb_improve_set, key="factor", value="99")
    assert "no upscaler" in refused(improve_choice.lb_improve_set, key="upscaler", value="x.pth")
    project.write_settings({**project.read_settings(), "improving": {"factor": "x", "gamma": 1.2}})
    assert improve_choice.read_improving(project) == EnhanceSettings(gamma=1.2)
    ask(improve_choice.lb_improve_set, key="upscaler", value=MODEL)
    usual = ask(improve_choice.lb_improve_set, usual=True)
    assert usual["usual"]
    assert usual["values"]["upscaler"] == MODEL


def test_a_model_that_was_dropped_is_taken_in_unopened(project: Project) -> None:
    batch = batch_folder("123456789")
    batch.mkdir(parents=True)
    save_pth(tiny_esrgan(2), batch / "new.pth")
    (batch / "page.pth").write_text("<!doctype html>", encoding="utf-8")
    (batch / "virus.ckpt").write_bytes(b"\x80")
    answer = ask(improve_choice.lb_improve_model, batch="123456789")
    assert answer["added"] == ["new.pth"]
    assert len(answer["notes"]) == 2
    folder = place().workspace.models_dir / "upscalers"
    assert [path.name for path in folder.iterdir()] == ["new.pth"]
    assert not batch.exists()
    rows = ask(improve_work.lb_improving)["upscalers"]["rows"]
    assert [row["name"] for row in rows] == ["lanczos", "off", "new.pth"]
    batch.mkdir(parents=True)
    (batch / "new.pth").write_bytes(b"PK\x03\x04 another")
    before = (folder / "new.pth").read_bytes()
    again = ask(improve_choice.lb_improve_model, batch="123456789")
    assert "there already" in again["notes"][0]
    assert (folder / "new.pth").read_bytes() == before


# --- what it will do ------------------------------------------------------------------------------


def test_the_plan_counts_what_would_change(project: Project) -> None:
    every = [SMALL, SOFT, GOOD, *FRAMES, "2_kafka/gone.png"]
    plan = ask(improve_plan.lb_improve_plan, ids=every)
    assert (plan["chosen"], plan["changing"], plan["larger"]) == (5, 1, 1)
    assert plan["from"] == [120, 128]
    assert min(plan["to"]) >= 192
    assert plan["seconds"] > 0
    tiny_model()
    ask(improve_choice.lb_improve_set, key="upscaler", value=MODEL)
    plan = ask(improve_plan.lb_improve_plan, ids=every)
    assert (plan["changing"], plan["seconds"]) == (5, None)  # nobody knows before it was tried
    model = resolve_upscaler(place().workspace, MODEL)
    keep_pace(place().workspace, model, Pace(2, "ESRGAN", 10.0, 256, "CPU"))
    slow = ask(improve_plan.lb_improve_plan, ids=every)["seconds"]
    assert slow > 10 * (120 * 128 + 2 * 300 * 280 + 300 * 620) / 1e6
    assert ask(improve_plan.lb_improve_plan, ids=every, values={"strength": 0})["changing"] == 1
    assert "2x" in ask(improve_work.lb_improving)["upscalers"]["rows"][2]["facts"]


def test_the_curve_that_is_shown_is_the_one_that_is_written(project: Project) -> None:
    values = {"contrast": True, "upscaler": "off"}
    plan = ask(improve_plan.lb_improve_plan, ids=[GOOD, *FRAMES], values=values)
    told = ask(improve_plan.lb_improve_picture, id=FRAMES[0], values=values, choice=plan["choice"])[
        "curve"
    ]
    assert told["frames"] == 2
    shelf = place().shelf(NAME)
    images = [image for image in shelf.dataset.images if image.path.stem in ("frame1", "frame2")]
    wanted = EnhanceSettings(contrast=True, upscaler="off")
    looks = improve_view.figures(project, shelf).looks
    curve = curves_of(images, looks, wanted)[images[0].sha256]
    assert told["table"] == curve.table().tolist()
    alone = ask(improve_plan.lb_improve_picture, id=FRAMES[0], values=values)["curve"]
    assert alone["frames"] == 1
    pixels = drawing(40, 30)
    table = np.array(told["table"], dtype=np.uint8)[pixels].astype(float)  # as the script does it
    grey = table @ np.array((0.299, 0.587, 0.114))
    shown = (grey[:, :, None] + (table - grey[:, :, None]) * told["saturation"]).clip(0, 255)
    assert np.abs(shown - apply_curve(curve, pixels)).max() < 1


def test_the_close_up_needs_no_process_without_a_model(project: Project) -> None:
    answer = ask(improve_close.lb_improve_close, id=SMALL, x=0.9, y="nonsense", begin=True)
    assert answer["box"] == [0, 0, 120, 128]
    assert not answer["running"]
    with Image.open(improve_close.close_up(answer["plain"])) as plain:
        assert list(plain.size) == answer["size"]
    with Image.open(improve_close.close_up(answer["before"])) as before:
        assert before.size == (120, 128)
    tiny_model()
    asked = ask(improve_close.lb_improve_close, id=SOFT, values={"upscaler": MODEL}, x=1, y=1)
    assert asked["box"] == [108, 108, 192, 192]
    assert (asked["made"], asked["running"]) == ("", False)  # only when somebody asks for it
    for name in ("../../x", "0123456789abcdef0123456G", "", "a" * 25):
        with pytest.raises(Exception, match="no longer there"):
            improve_close.close_up(name)


# --- doing it -------------------------------------------------------------------------------------


def wait(place_of_job: str) -> None:
    end = time.monotonic() + 120
    while not jobs.job(place().workspace, place_of_job).status.is_over:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_stopped_resumed_undone_and_done_again(project: Project) -> None:
    folder = project.dataset_dir / "2_kafka"
    before = (folder / "small.png").read_bytes()
    assert "no longer there" in refused(improve_work.lb_improve_start, ids=["2_kafka/gone.png"])
    nothing = {"upscaler": "off"}
    assert "switched on" in refused(improve_work.lb_improve_start, ids=[SMALL], values=nothing)
    pairs = [(id, place().shelf(NAME).by_id[id].sha) for id in (SMALL, GOOD)]
    buckets = improve_view.figures(project, place().shelf(NAME)).buckets
    view = start_enhance(place().workspace, NAME, EnhanceSettings(), pairs, buckets, start=False)
    ask(improve_work.lb_improve_stop, place=view.place)
    assert ask(improve_work.lb_improving)["job"]["can_resume"]
    ask(improve_work.lb_improve_resume, place=view.place)
    wait(view.place)
    result = ask(improve_work.lb_improving)["result"]
    assert result["said"] == "Improved 1 picture. The original is kept. 1 picture is good as it is."
    assert result["can"] == "undo"
    with Image.open(folder / "small.png") as picture:
        assert min(picture.size) >= 192
    row = next(row for row in ask(improve_view.lb_improve_rows)["rows"] if row[1] == "small.png")
    assert (row[5] & 1, row[8]) == (0, 1)  # large enough, and improved before

    undone = ask(improve_work.lb_improve_undo, operation=result["operation"])
    assert not undone["skipped"]
    assert (folder / "small.png").read_bytes() == before
    open_place(Workspace.open(place().workspace.root))  # as after a restart
    result = ask(improve_work.lb_improving)["result"]
    assert (result["can"], result["said"]) == ("redo", "Undone: 1 original came back.")
    ask(improve_work.lb_improve_undo, operation=result["operation"], redo=True)
    assert (folder / "small.png").read_bytes() != before
    assert "after this step" in refused(improve_work.lb_improve_undo, operation=10**6)
    assert "no longer there" in refused(improve_work.lb_improve_stop, place="projects/x/jobs/y")


_NONSENSE = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
_VALUES = st.dictionaries(
    st.sampled_from([spec.name for spec in setting_fields(EnhanceSettings)]),
    st.sampled_from(["factor", "off", "lanczos", "../x.pth", 0, 1.5, True]) | _NONSENSE,
    max_size=4,
)
_QUESTION = st.fixed_dictionaries(
    {"project": st.just(NAME), "id": st.just(SMALL) | _NONSENSE},
    optional={
        "ids": st.lists(st.just(SMALL) | _NONSENSE, max_size=3) | _NONSENSE,
        "values": _VALUES | _NONSENSE,
        "x": _NONSENSE,
        "y": _NONSENSE,
        "key": st.sampled_from(["factor", "contrast", "upscaler"]) | _NONSENSE,
        "value": _NONSENSE,
        "batch": st.sampled_from(["../..", "123456789"]) | _NONSENSE,
        "choice": _NONSENSE,
        "operation": _NONSENSE,
        "place": _NONSENSE,
    },
)
CALLS = [call for call in improving.CALLS if call is not improve_work.lb_improve_start]


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(question=_QUESTION, number=st.integers(0, len(CALLS) - 1))
def test_nonsense_gets_a_sentence(project: Project, question: dict[str, Any], number: int) -> None:
    answer = CALLS[number](question)
    assert answer.get("error") != BUG, (CALLS[number].__name__, question)
    assert (project.dataset_dir / SMALL).exists()
