"""The demo as a real server: strangers side by side, each with their own, and every limit tried."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lorabake.core.limits import DEMO
from tests.ui.conftest import Page, running_page
from tests.ui.visiting import SAMPLE, Visitor, picture, workspaces_of

WORD = "xyzzy"  # what only the first visitor has written


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("demo") / "workspace"
    with running_page(folder, options=["--demo"]) as page:
        yield page
    assert not list((folder / "visitors").glob("*"))  # nothing stays behind


@pytest.fixture
def visitor(demo: Page) -> Iterator[Visitor]:
    """One who leaves at the end."""
    found = Visitor(demo)
    yield found
    found.ask_anything("lb_demo_leave", {})


def test_a_visitor_finds_the_sample_and_may_work_with_it(visitor: Visitor) -> None:
    assert "HttpOnly" in visitor.headers["set-cookie"]
    assert "SameSite=Lax" in visitor.headers["set-cookie"]
    rows = visitor.captions()
    assert len(rows) == 24
    assert visitor.ask("lb_pulse", project=SAMPLE)["next"]["button"].startswith("Bake")
    folder = visitor.ask("lb_folders", project=SAMPLE)["folders"][0]["folder"]
    one = f"{folder}/{rows[0][1]}"
    changed = visitor.ask("lb_toggle", project=SAMPLE, tag="smug", changes=[[one, True]])
    assert changed["changed"] == [one]
    notes = visitor.add({"a.png": picture((9, 9, 9))})
    assert notes == [["ok", "Added 1 picture to 1_mine."]]
    assert len(visitor.captions()) == 25


def test_who_has_no_cookie_gets_nothing(demo: Page, visitor: Visitor) -> None:
    stranger = Visitor(demo)
    for cookie in ("", "lorabake-demo=guess", visitor.cookie[:-1], "lorabake=x"):
        stranger.cookie = cookie
        answer = stranger.ask("lb_editor", project=SAMPLE)
        assert answer["error"].startswith("This visit to the demo is over")
        assert stranger.request("GET", "/lorabake/thumb/practice/a")[0] == 403
        assert stranger.upload("12345678", "a.png", b"x")[0] == 403
    assert stranger.request("GET", "/")[1]["set-cookie"]


@pytest.fixture
def two(demo: Page) -> Iterator[tuple[Visitor, Visitor]]:
    """The first has written, drawn and uploaded what only they know."""
    a, b = Visitor(demo), Visitor(demo)
    a.add({f"{WORD}.png": picture((1, 2, 3))}, folder=WORD)
    a.ask("lb_toggle", project=SAMPLE, tag=f"{WORD} tag", changes=[[f"1_{WORD}/{WORD}.png", True]])
    b.ask("lb_pulse", project=SAMPLE)
    yield a, b
    for one in (a, b):
        one.ask_anything("lb_demo_leave", {})


LEAVES = "lb_demo_leave"


def test_nobody_sees_or_changes_anything_of_another(
    demo: Page, two: tuple[Visitor, Visitor]
) -> None:
    """Every function of the page, asked by the second after the first has asked the same."""
    a, b = two
    assert a.functions.keys() == b.functions.keys()
    assert len(a.functions) > 120
    row = next(row for row in a.captions() if row[1] == f"{WORD}.png")
    question = {
        "project": SAMPLE,
        "id": f"1_{WORD}/{WORD}.png",
        "ids": [f"1_{WORD}/{WORD}.png"],
        "sha": row[2],
        "folder": f"1_{WORD}",
        "name": WORD,
        "run": WORD,
        "tag": "smile",
        "filter": "smile",
        "place": f"projects/{SAMPLE}/runs/{WORD}",
        "batch": "12345678",
    }
    assert a.upload("12345678", f"{WORD}2.png", picture((4, 5, 6))) == (200, "ok")
    (before,) = [files(one.root) for one in workspaces_of(demo) if holds(one.root, f"{WORD}.png")]
    for name in a.functions:
        if name == LEAVES or name in STARTS:
            continue
        if name in LOOKS:
            a.ask_anything(name, question)
        status, answer = b.ask_anything(name, question)
        assert status == 200, name
        told = json.dumps(answer)
        for asked in question.values():  # what was asked may be repeated in a sentence
            told = told.replace(json.dumps(asked)[1:-1], "") if isinstance(asked, str) else told
        assert WORD not in told, name
        assert row[2] not in told, name
    (after,) = [files(one.root) for one in workspaces_of(demo) if holds(one.root, f"{WORD}.png")]
    assert after == before


# Set processes to work, which the other tests do.
STARTS = {"lb_bake", "lb_tag_start", "lb_improve_start", "lb_grid_start", "lb_grid", "lb_resume"}
LOOKS = {
    *("lb_editor", "lb_filter", "lb_pulse", "lb_folders", "lb_concepts", "lb_curate", "lb_baking"),
    *(
        "lb_process",
        "lb_settings",
        "lb_plan",
        "lb_tag_examples",
        "lb_dup",
        "lb_improve",
        "lb_sheet",
    ),
}


def files(root: Path) -> dict[str, int]:
    """Names and times of what a visitor made."""
    below = (*(root / "projects").rglob("*"), *(root / ".cache" / "uploads").rglob("*"))
    return {
        str(path.relative_to(root)): path.stat().st_mtime_ns
        for path in below
        if path.is_file() and ".lorabake" not in path.name and "journal" not in path.name
    }


def holds(root: Path, name: str) -> bool:
    return any(root.rglob(name))


def test_addresses_of_another_lead_nowhere(demo: Page, two: tuple[Visitor, Visitor]) -> None:
    a, b = two
    sha = next(row[2] for row in a.captions() if row[1] == f"{WORD}.png")
    for kind in ("thumb", "image", "whole"):
        assert a.request("GET", f"/lorabake/{kind}/{SAMPLE}/{sha}")[0] == 200
        assert b.request("GET", f"/lorabake/{kind}/{SAMPLE}/{sha}")[0] == 404
        for theirs in workspaces_of(demo):
            for name in (theirs.root.name, f"..%2f..%2f{theirs.root.name}%2fprojects%2f{SAMPLE}"):
                assert b.request("GET", f"/lorabake/{kind}/{name}/{sha}")[0] in (403, 404)


def test_uploads_of_another_are_not_there(two: tuple[Visitor, Visitor]) -> None:
    a, b = two
    assert a.upload("87654321", "b.png", picture((7, 7, 7))) == (200, "ok")
    answer = b.ask("lb_import", project=SAMPLE, batch="87654321", name="x", repeats=1)
    assert answer["error"].startswith("Nothing arrived")
    notes = a.ask("lb_import", project=SAMPLE, batch="87654321", name="x", repeats=1)["notes"]
    assert notes[0][0] == "ok"


def test_answers_to_another_s_tab_are_not_heard(two: tuple[Visitor, Visitor]) -> None:
    a, b = two
    body: dict[str, Any] = {"data": [None], "fn_index": 0, "session_hash": a.tab}
    assert a.request("POST", "/gradio_api/queue/join", body)[0] == 200  # as at every page's start
    assert b.request("GET", f"/gradio_api/queue/data?session_hash={a.tab}")[0] == 403
    assert b.request("GET", f"/gradio_api/heartbeat/{a.tab}")[0] == 403
    assert b.request("POST", "/gradio_api/queue/join", body)[0] == 403
    for name in ("reset", "cancel"):
        body = {"session_hash": a.tab, "event_id": "x", "fn_index": 0}
        assert b.request("POST", f"/gradio_api/{name}", body)[0] == 403


def test_events_are_answered_in_the_place_of_who_asked(demo: Page, visitor: Visitor) -> None:
    """The queue answers in threads that the first request of all has started."""
    other = Visitor(demo)
    for one, name in ((visitor, "first_s"), (other, "other_s")):
        config = json.loads(one.request("GET", "/config")[2])
        number = next(d["id"] for d in config["dependencies"] if d["api_name"] == "create_project")
        body = {
            "data": [name, None],
            "fn_index": number,
            "session_hash": one.tab,
            "event_data": None,
        }
        assert one.request("POST", "/gradio_api/queue/join", body)[0] == 200
        heard = one.request("GET", f"/gradio_api/queue/data?session_hash={one.tab}")[2].decode()
        assert name in heard
        assert ("first_s" in heard) is (one is visitor)
    assert visitor.ask("lb_editor", project="first_s")["rows"] == []
    assert "error" in visitor.ask("lb_editor", project="other_s")
    other.ask("lb_demo_leave")


def test_limits_of_uploads(visitor: Visitor) -> None:
    for name in ("a.safetensors", "a.zip", "a.txt", "a.html", "a"):
        status, told = visitor.upload("11111111", name, b"x")
        assert (status, "not taken here" in told) == (400, True), name
    assert visitor.upload("11111111", "a.png", b"x" * (DEMO.upload_file + 1)) == (413, "too large")
    for number in range(DEMO.upload_files):
        assert visitor.upload("22222222", f"{number}.png", b"x")[0] == 200
    assert visitor.upload("22222222", "one-more.png", b"x") == (413, "more than 40 files at once")
    notes = visitor.add({"large.png": picture((0, 0, 0), (4001, 4000))})
    assert "16 megapixels" in notes[1][1]


def test_what_is_off_says_so(visitor: Visitor) -> None:
    for name, data in (
        ("lb_download", {"spec": "hf:a/b/c.safetensors"}),
        ("lb_key", {"service": "civitai", "key": "abc"}),
        ("lb_link_start", {"hours": 1}),
        ("lb_look", {}),
    ):
        answer = visitor.ask(name, **data)
        assert answer["error"].startswith("This is not possible here"), name
    assert "lb_grab_search" not in visitor.functions
    answer = visitor.ask("lb_set", project=SAMPLE, key="model.base", value="/etc/passwd")
    visitor.ask("lb_set", project=SAMPLE, key="general.epochs", value="1")
    answer = visitor.ask("lb_bake", project=SAMPLE)
    assert "error" in answer
    status, _, body = visitor.request("GET", "/lorabake/board/danbooru/1")
    assert (status, b"not possible here" in body) == (403, True)


def test_leaving_deletes_everything_at_once(demo: Page, visitor: Visitor) -> None:
    visitor.ask("lb_pulse", project=SAMPLE)
    before = len(workspaces_of(demo))
    assert visitor.ask("lb_demo_leave") == {}
    assert len(workspaces_of(demo)) == before - 1
    assert "error" in visitor.ask("lb_pulse", project=SAMPLE)


# --- many at once --------------------------------------------------------------------------------


def visit(page: Page, number: int, told: list[dict[str, Any]]) -> None:
    """What somebody does who tries the demo, with the seconds it took."""
    begun = time.monotonic()
    found: dict[str, Any] = {"number": number}
    told.append(found)
    try:
        one = Visitor(page)
        found["open"] = time.monotonic() - begun
        assert len(one.captions()) == 24
        tag = f"visitor{number}"
        folder = one.ask("lb_folders", project=SAMPLE)["folders"][0]["folder"]
        ids = [f"{folder}/{row[1]}" for row in one.captions()[:6]]
        changes = [[id, True] for id in ids]
        assert one.ask("lb_toggle", project=SAMPLE, tag=tag, changes=changes)["changed"] == ids
        names = {f"{tag}-{i}.png": picture((number, i, 0), (512, 512)) for i in range(4)}
        assert one.add(names)[0][0] == "ok"
        for row in one.captions()[:8]:
            assert one.request("GET", f"/lorabake/thumb/{SAMPLE}/{row[2]}")[0] == 200
        one.ask("lb_set", project=SAMPLE, key="general.epochs", value="1")
        found["bake"] = one.ask("lb_bake", project=SAMPLE)
        assert len(one.ask("lb_sheet", project=SAMPLE, tag=tag)["has"]) == 6
        for other in range(100):
            if other != number:
                assert one.ask("lb_sheet", project=SAMPLE, tag=f"visitor{other}")["has"] == []
                break
        names_seen = json.dumps(one.captions())
        assert names_seen.count(f"{tag}-") == 4
        assert names_seen.count("visitor") == 4
        found["visitor"] = one
    except Exception as error:
        found["error"] = repr(error)
    found["seconds"] = time.monotonic() - begun


def all_at_once(page: Page, count: int) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    threads = [threading.Thread(target=visit, args=(page, n, told)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one["error"] for one in told if "error" in one] == []
    return told


def bakes_are_queued_or_refused(told: list[dict[str, Any]], count: int) -> None:
    taken = [one for one in told if "run" in one["bake"]]
    refused = [one["bake"]["error"] for one in told if "run" not in one["bake"]]
    assert len(taken) in (min(count, DEMO.queue), min(count, DEMO.queue + 1))  # one is at work
    assert all(text.startswith(f"{DEMO.queue} jobs wait already") for text in refused)
    for one in taken:
        again = one["visitor"].ask("lb_bake", project=SAMPLE)
        assert "one at a time" in again["error"]


def test_six_visitors_at_once(demo: Page) -> None:
    told = all_at_once(demo, 6)
    bakes_are_queued_or_refused(told, 6)
    for one in told:
        assert one["visitor"].ask("lb_demo_leave") == {}
    assert workspaces_of(demo) == []


@pytest.mark.slow
def test_twenty_visitors_at_once(demo: Page, figures: dict[str, Any]) -> None:
    """Its figures stand in docs/space.md and docs/reliability.md (python -m tests.figures --visitors)."""
    import psutil

    server = psutil.Process(demo.process.pid)
    before = server.memory_info().rss
    told = all_at_once(demo, 20)
    grown = server.memory_info().rss - before
    bakes_are_queued_or_refused(told, 20)
    waiting = [one["visitor"] for one in told if "run" in one["bake"]]
    ends = {}
    until = time.monotonic() + 900
    while len(ends) < len(waiting) and time.monotonic() < until:
        for number, one in enumerate(waiting):
            step = one.ask("lb_pulse", project=SAMPLE)["next"]["text"]
            if number not in ends and ("is baked" in step or "was stopped" in step):
                ends[number] = step
        time.sleep(0.5)
    assert len(ends) == len(waiting), ends
    seconds = sorted(one["seconds"] for one in told)
    opened = sorted(one["open"] for one in told)
    disk = [
        sum(f.stat().st_size for f in w.root.rglob("*") if f.is_file()) for w in workspaces_of(demo)
    ]
    figures["visitors"] = {
        "page, s": [statistics.median(opened), opened[-1]],
        "visit, s": [statistics.median(seconds), seconds[-1]],
        "server before, MiB": before >> 20,
        "server more with all of them, MiB": grown >> 20,
        "files of each, MiB": statistics.median(disk) / 2**20,
        "bakes taken": len(waiting),
        "bakes that ended with a file": sum("is baked" in end for end in ends.values()),
    }
    for one in told:
        assert one["visitor"].ask("lb_demo_leave") == {}
