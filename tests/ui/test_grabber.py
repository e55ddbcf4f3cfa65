"""What "Grabber" asks and does, without a browser, against boards of this machine."""

from __future__ import annotations

import io
import json
import logging
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lorabake.core.errors import LorabakeError
from lorabake.core.sources import Sources
from lorabake.core.workspace import Workspace
from lorabake.ui import grab_choice, grab_do, grab_look, grab_own, grab_seen, grabber
from lorabake.ui.answers import BUG
from lorabake.ui.place import Place, open_place
from lorabake.ui.uploads import batch_folder
from tests.collect.board import Board, Entry, entries, running
from tests.collect.test_generated import A1111, png

KEY = "k3yth4tst4ys"
KAFKA = "kafka_(honkai:_star_rail)"
GUIDES = f"solo -rating:explicit -rating:questionable {KAFKA} shirt"
CALLS: tuple[Callable[[Any], dict[str, Any]], ...] = (
    grab_do.lb_grabber,
    grab_do.lb_grab_start,
    grab_do.lb_grab_pause,
    grab_do.lb_grab_resume,
    grab_do.lb_grab_undo,
    grab_do.lb_grab_account,
    grab_choice.lb_grab_set,
    grab_look.lb_grab_page,
    grab_look.lb_grab_found,
    grab_look.lb_grab_stop,
    grab_own.lb_grab_own,
)


@pytest.fixture
def boards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Board]]:
    """Gelbooru, which wants a key; Danbooru, which takes two tags and has some of the same pictures."""
    monkeypatch.setenv("LORABAKE_ALLOW_LOCAL_HTTP", "1")
    monkeypatch.setenv("LORABAKE_CONFIG", str(tmp_path / "config"))
    shirts = [
        Entry(n, {"general": ("solo", "shirt"), "character": (KAFKA,)}, size=(96, 96 + n))
        for n in (7, 8)
    ]
    with ExitStack() as stack:
        some = {
            "gelbooru": Board("gelbooru", entries(6), key=KEY),
            "danbooru": Board("danbooru", [*entries(4), *shirts], max_tags=2),
        }
        for board in some.values():
            stack.enter_context(running(board))
        addresses = {name: board.address for name, board in some.items()}
        monkeypatch.setenv("LORABAKE_BOARDS", json.dumps(addresses))
        yield some


@pytest.fixture
def place(workspace: Path, boards: dict[str, Board]) -> Place:
    space = Workspace.open(workspace)
    space.create_project("kafka")
    return open_place(space)


def ask(call: Callable[[Any], dict[str, Any]], **data: Any) -> dict[str, Any]:
    answer = call({"project": "kafka", **data})
    assert "error" not in answer, answer
    return answer


def refused(call: Callable[[Any], dict[str, Any]], **data: Any) -> str:
    answer = call({"project": "kafka", **data})
    assert answer.get("error") not in (None, BUG), answer
    return str(answer["error"])


def follow(ticket: str, *, until: Callable[[dict[str, Any]], object] = lambda _: False) -> Any:
    """As the page does: ask until the board has said everything."""
    end = time.monotonic() + 20
    page: dict[str, Any] | None = None
    while True:
        answer = ask(grab_look.lb_grab_found, ticket=ticket, stamp=0)
        page = answer.get("page") or page
        if not answer["busy"] or until(answer):
            return {**answer, "page": page}
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def search(text: str = "solo", *sites: str, **values: Any) -> tuple[str, dict[str, Any]]:
    asked = {"text": text, "sites": [*sites] or ["danbooru"], **values}
    ticket = ask(grab_look.lb_grab_search, values=asked)["ticket"]
    return ticket, follow(ticket)


def settled(count: int = 1) -> list[dict[str, Any]]:
    """The downloads, when all of them have ended."""
    end = time.monotonic() + 40
    while True:
        rows: list[dict[str, Any]] = ask(grab_do.lb_grabber)["downloads"]
        if len(rows) >= count and not any(row["state"] in ("running", "queued") for row in rows):
            return rows
        assert time.monotonic() < end, rows
        time.sleep(0.05)


def names(place: Place) -> list[str]:
    root = place.project("kafka").dataset_dir
    return sorted(path.relative_to(root).as_posix() for path in root.glob("[!.]*/*"))


# --- looking -------------------------------------------------------------------------------------


def test_the_guides_search_is_split_counted_and_remembered(place: Place) -> None:
    _, found = search(GUIDES)
    (split,) = found["page"]["split"]
    assert split["site"] == "Danbooru"
    assert split["here"] == ["solo"] or split["here"] == ["shirt"]
    assert KAFKA in split["sent"].split()
    assert "-rating:q" in split["sent"].split()
    assert any("2 tags" in note for note in split["notes"])
    assert found["counts"]["danbooru"] >= 2  # the board's, before anything is filtered here
    posts = found["page"]["posts"]
    assert [post["id"] for post in posts] == [8, 7]
    assert posts[0]["tags"] == [["character", [KAFKA]], ["general", ["solo", "shirt"]]]
    told = json.dumps(found)
    assert "127.0.0.1" not in told  # the browser asks no board
    assert ask(grab_do.lb_grabber, values=True)["values"]["text"] == GUIDES


def test_pages_filters_and_what_is_over(place: Place, boards: dict[str, Board]) -> None:
    boards["danbooru"].posts = entries(45)
    ticket, found = search(KAFKA)
    assert (len(found["page"]["posts"]), found["page"]["more"]) == (40, True)
    ask(grab_look.lb_grab_page, ticket=ticket, page=1)
    found = follow(ticket, until=lambda answer: answer["number"] == 1 and not answer["busy"])
    assert [post["id"] for post in found["page"]["posts"]] == [5, 4, 3, 2, 1]
    assert not found["page"]["more"]
    ask(grab_look.lb_grab_stop, ticket=ticket)
    assert "Press Search" in refused(grab_look.lb_grab_page, ticket=ticket, page=0)
    boards["danbooru"].posts = [
        Entry(1, {"general": ("solo",)}, size=(50, 200), score=9),
        Entry(2, {"general": ("solo",)}, size=(300, 300), score=1),
        Entry(3, {"general": ("solo",)}, size=(300, 310), score=9, extension="jpg"),
    ]

    def ids(**values: Any) -> list[int]:
        usual = {"min_side": 0, "narrow": 0, "wide": 0, "min_score": None, "types": []}
        page = search("solo", **{**usual, **values})[1]["page"]
        return [post["id"] for post in page["posts"]]

    assert ids() == [3, 2, 1]
    assert ids(min_side=256) == [3, 2]
    assert ids(min_score=5) == [3, 1]
    assert ids(narrow=0.5, wide=1.0) == [3, 2]
    assert ids(types=["jpg"]) == [3]
    assert refused(grab_look.lb_grab_search, values={"sites": []}).startswith("Check a source")


def test_refusals_and_patience_are_told(place: Place, boards: dict[str, Board]) -> None:
    assert "Grabber › Accounts" in search("solo", "gelbooru")[1]["problem"]
    boards["danbooru"].misdeed = "busy"
    asked = {"text": "solo", "sites": ["danbooru"]}
    ticket = ask(grab_look.lb_grab_search, values=asked)["ticket"]
    waits = follow(ticket, until=lambda answer: answer["wait"] > 0)
    assert (waits["host"], 0 < waits["wait"] <= 1) == ("127.0.0.1", True)
    boards["danbooru"].misdeed = ""
    assert len(follow(ticket)["page"]["posts"]) == 6
    assert "never searched" in refused(
        grab_look.lb_grab_search, values={"text": "loli", "sites": ["danbooru"]}
    )
    boards["danbooru"].posts.append(Entry(20, {"general": ("solo", "loli")}))
    page = search("solo")[1]["page"]
    assert 20 not in [post["id"] for post in page["posts"]]
    assert any("1 post left out" in note for note in page["notes"])


def test_previews_are_painted_anew_and_only_of_what_was_shown(
    place: Place, boards: dict[str, Board]
) -> None:
    boards["danbooru"].posts.append(Entry(30, {"general": ("solo",)}, extension="mp4"))
    _, found = search("solo")
    assert "video" in found["page"]["posts"][0]["refused"]
    for number in ("8", "30"):
        for large in (False, True):
            path = grab_seen.preview_path("danbooru", number, large=large)
            assert Image.open(path).format == "WEBP"
    with pytest.raises(LorabakeError, match="Search again"):
        grab_seen.preview_path("danbooru", "999")


# --- fetching ------------------------------------------------------------------------------------


def test_picked_ones_come_with_captions_and_go_again(
    place: Place, boards: dict[str, Board]
) -> None:
    _, found = search(GUIDES)
    picked = [post["key"] for post in found["page"]["posts"]][:1]
    assert "folder first" in refused(grab_do.lb_grab_start, picked=picked)
    values = {"folder": "kafka", "repeats": 5}
    ask(grab_do.lb_grab_start, picked=picked, values=values)
    (row,) = settled()
    assert (row["state"], row["saved"], row["total"], row["folder"]) == (
        "finished",
        1,
        1,
        "5_kafka",
    )
    assert names(place) == ["5_kafka/danbooru_8.png", "5_kafka/danbooru_8.txt"]
    root = place.project("kafka").dataset_dir
    assert (
        root / "5_kafka/danbooru_8.txt"
    ).read_text() == "solo, kafka (honkai: star rail), shirt\n"
    assert Sources.open(root).has_post("danbooru", 8)
    assert row["undo"]
    said = ask(grab_do.lb_grab_undo, operation=row["operation"])["said"]
    assert said == "Download 1 picture into 5_kafka: taken back."
    assert names(place) == []
    # It was here, and was taken out: it does not come once more by itself.
    have = search(GUIDES)[1]["page"]["posts"][0]["have"]
    assert "taken out" in have
    ask(grab_do.lb_grab_start, values={"text": KAFKA}, limit=3)
    done = settled(2)[0]
    assert [(one["reason"][:35], one["posts"]) for one in done["reasons"]] == [
        ("This picture was fetched before and", ["Danbooru 8"])
    ]
    assert done["saved"] == 2
    assert search(KAFKA)[1]["page"]["posts"][1]["have"] == "This picture is here already."
    # All of the search again, for what is new.
    boards["danbooru"].posts += [
        Entry(9, {"general": ("solo",), "character": (KAFKA,)}),
    ]
    rows = ask(grab_do.lb_grabber)["searches"]
    assert [(one["text"], one["sites"]) for one in rows] == [(KAFKA, ["Danbooru"])]
    assert "1 search asked" in ask(grab_do.lb_grab_update)["said"]
    assert settled(3)[0]["saved"] == 1
    assert "5_kafka/danbooru_9.png" in names(place)


def test_paused_it_goes_on_without_fetching_twice(place: Place, boards: dict[str, Board]) -> None:
    board = boards["danbooru"]
    search(KAFKA)
    board.requests.clear()
    board.pause = 0.3
    started = ask(grab_do.lb_grab_start, values={"folder": "kafka"})["place"]
    end = time.monotonic() + 20
    while not (row := ask(grab_do.lb_grabber)["downloads"][0])["saved"]:
        assert time.monotonic() < end, row
        time.sleep(0.05)
    assert grabber.state("kafka").startswith("downloading, ")
    ask(grab_do.lb_grab_pause, place=started)
    (row,) = settled()
    assert row["state"] == "stopped"
    assert row["can_resume"]
    assert 0 < row["saved"] < 6
    assert len([name for name in names(place) if name.endswith(".png")]) == row["saved"]
    assert grabber.state("kafka") == "1 download paused"
    board.pause = 0
    ask(grab_do.lb_grab_resume, place=started)
    (row,) = settled()
    assert (row["state"], row["saved"]) == ("finished", 6)
    fetched = [path for path in board.requests if path.startswith("/files/")]
    assert len(fetched) == len(set(fetched)) == 6
    assert "no longer there" in refused(grab_do.lb_grab_pause, place="../x")


def test_a_bad_day_is_counted_by_its_reason(place: Place, boards: dict[str, Board]) -> None:
    _, found = search(KAFKA)
    boards["danbooru"].misdeed = "html"
    picked = [post["key"] for post in found["page"]["posts"]][:2]
    ask(grab_do.lb_grab_start, picked=[*picked, *picked], values={"folder": "kafka"})
    (row,) = settled()
    assert (row["saved"], row["left_out"]) == (0, 2)
    assert [one["count"] for one in row["reasons"]] == [2]
    assert names(place) == []
    assert "picked" in refused(
        grab_do.lb_grab_start, picked=["danbooru 404"], values={"folder": "kafka"}
    )


# --- accounts ------------------------------------------------------------------------------------


def test_an_account_is_pasted_tested_and_never_told(
    place: Place, boards: dict[str, Board], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[Any] = []

    def account(act: str, **more: Any) -> dict[str, Any]:
        told.append(grab_do.lb_grab_account({"site": "gelbooru", "act": act, **more}))
        return dict(told[-1])

    assert "whole line" in account("save", account=KEY)["error"]
    assert (
        "number of your account" in account("save", account=f"&api_key={KEY}&user_id=me")["error"]
    )
    account("save", account="&api_key=wr0ng&user_id=12")
    boards["gelbooru"].misdeed = "no key"
    assert "does not know your key" in account("test")["error"]
    boards["gelbooru"].misdeed = ""
    saved = account("save", account=f"&api_key={KEY}&user_id=12")
    assert next(row for row in saved["accounts"] if row["site"] == "gelbooru")["known"]
    assert account("test")["said"] == "Gelbooru answers, and knows your account."
    told.append(search(KAFKA, "gelbooru", "danbooru")[1])
    ask(grab_do.lb_grab_start, values={"folder": "kafka"})
    (row,) = settled()
    assert row["saved"] == 8  # four of Gelbooru's are Danbooru's, too
    told += [row, ask(grab_do.lb_grabber, form=True, values=True, accounts=True)]
    boards["gelbooru"].misdeed = "no key"
    told.append(search("solo", "gelbooru")[1])
    assert any(KEY in path for path in boards["gelbooru"].requests)
    assert KEY not in json.dumps(told)
    assert KEY not in caplog.text
    for path in place.workspace.root.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
    account("forget")
    assert "wants an API key" in account("test")["error"]


# --- one's own -----------------------------------------------------------------------------------


def upload(batch: str, files: dict[str, bytes]) -> str:
    """As `PUT /lorabake/upload/{batch}` leaves them."""
    folder = batch_folder(batch)
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return batch


def test_own_pictures_and_zips_come_in_marked(place: Place, tmp_path: Path) -> None:
    painted = png(tmp_path / "painted.png", parameters=A1111).read_bytes()
    with zipfile.ZipFile(archive := io.BytesIO(), "w") as file:
        file.writestr("in/painted.png", painted)
        file.writestr("in/readme.pdf", b"x")
    plain = io.BytesIO()
    Image.new("RGB", (64, 80), "blue").save(plain, "PNG")
    batches = [
        upload("12345678", {"plain.png": plain.getvalue(), "plain.txt": b"kafka, smile"}),
        upload("12345679", {"all.zip": archive.getvalue(), "page.jpg": b"<!DOCTYPE html>"}),
    ]
    answer = ask(grab_own.lb_grab_own, batches=batches, folder="kafka", repeats=3)
    assert answer["said"] == "Added 2 pictures to kafka, 1 of them AI-generated."
    assert answer["share"].startswith(
        "Generated pictures are 50 % of what an epoch shows, more than 3"
    )
    assert answer["left_out"] == 2
    assert any("web page" in sentence for sentence in answer["skipped"])
    assert [name for name in names(place) if name.endswith(".txt")] == [
        "3_kafka/painted.txt",
        "3_kafka/plain.txt",
    ]
    caption = place.project("kafka").dataset_dir / "3_kafka" / "painted.txt"
    assert caption.read_text() == "kafka (hsr), long hair, smile, second line\n"
    assert not batch_folder("12345678").exists()
    ask(grab_do.lb_grab_undo, operation=answer["operation"])
    assert names(place) == []
    assert "Nothing arrived" in refused(grab_own.lb_grab_own, batches=batches, folder="kafka")
    assert "not one of ours" in refused(grab_own.lb_grab_own, batches=["../x"], folder="kafka")


# --- what is chosen ------------------------------------------------------------------------------


def test_settings_are_kept_and_what_is_wrong_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ask(grab_choice.lb_grab_set, setting="rating", value="last")
    assert (kept["values"]["settings"]["rating"], kept["usual"]) == ("last", False)
    wrong = refused(grab_choice.lb_grab_set, setting="categories", value="charcter")
    assert "Did you mean 'character'" in wrong
    assert ask(grab_choice.lb_grab_set, usual=True)["usual"]
    form = ask(grab_do.lb_grabber, form=True)["form"]
    assert "explicit" in form["ratings"]
    monkeypatch.setenv("SPACE_ID", "somebody/space")
    answer = ask(grab_do.lb_grabber, form=True)
    assert answer["form"]["ratings"] == ("general", "sensitive")
    assert answer["accounts"] == []  # and so no tab for them
    values = ask(grab_choice.lb_grab_set, values={"ratings": ["general", "explicit"]})["values"]
    assert values["ratings"] == ["general"]
    assert "open to everybody" in str(
        grab_do.lb_grab_account(
            {"site": "gelbooru", "act": "save", "account": "&api_key=a&user_id=1"}
        )["error"]
    )


_NONSENSE = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
_VALUES = st.dictionaries(
    st.sampled_from([*grab_choice.widget_values(grab_choice.GrabChoice()), "x"]), _NONSENSE
)
_QUESTION = st.fixed_dictionaries(
    {"project": st.just("kafka") | _NONSENSE},
    optional={
        "values": _VALUES | _NONSENSE,
        "setting": st.sampled_from(["categories", "largest", "rating", "x"]) | _NONSENSE,
        "value": _NONSENSE,
        "picked": st.lists(st.just("danbooru 8") | _NONSENSE, max_size=3),
        **dict.fromkeys(("ticket", "place", "operation", "page", "limit"), _NONSENSE),
        "site": st.just("gelbooru") | _NONSENSE,
        "act": st.sampled_from(["save", "forget", "x"]) | _NONSENSE,
        "account": _NONSENSE,
        "batches": st.lists(_NONSENSE, max_size=3) | _NONSENSE,
        "folder": _NONSENSE,
        **dict.fromkeys(("form", "accounts", "redo", "usual"), st.booleans()),
    },
)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(question=_QUESTION, number=st.integers(0, len(CALLS) - 1))
def test_nonsense_gets_a_sentence(place: Place, question: dict[str, Any], number: int) -> None:
    answer = CALLS[number](question)
    assert answer.get("error") != BUG, (CALLS[number].__name__, question)
    assert names(place) == []


@pytest.mark.parametrize("batches", [1.0, True, "12345678", {"0": "12345678"}])
def test_what_is_no_list_of_uploads_is_none(place: Place, batches: object) -> None:
    assert "Nothing arrived" in refused(grab_own.lb_grab_own, batches=batches, folder="mine")
