"""A link for remote help: the door, who is let in, what they are, and how it ends.

The page is the real one with its second port; only the tunnel program is a stand-in (it belongs to the
outside world), which passes bytes on to that port.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from lorabake.core.limits import LOCAL, MODE_VARIABLE
from lorabake.ui import guard
from lorabake.ui.entrance import LinkGate
from lorabake.ui.guard import Refused
from lorabake.ui.link import CODE_BYTES, MOST_GUESTS, TRIES, DoorClosed, Link
from tests.ui import test_guard
from tests.ui.conftest import Clock, Page, running_page
from tests.ui.invited import Parts, Visitor, helper

PROGRAM = Path(__file__).with_name("shared_page.py")


@pytest.fixture
def link(clock: Clock) -> Link:
    return Link("https://abc.gradio.live", 3, clock)


def test_a_code_has_128_bits_and_opens_once(link: Link) -> None:
    code = link.new_code("helper")
    assert CODE_BYTES * 8 == 128
    assert re.fullmatch(r"([A-Z2-7]{5}-){5}[A-Z2-7]", code)
    token = link.enter(f"  {code.lower()} ", "  Mika\u202e  ")
    person = link.person(token)
    assert person is not None
    assert (person.role, person.name) == ("helper", "Mika\ufffd")
    with pytest.raises(DoorClosed, match="used already"):
        link.enter(code, "Mika")
    assert link.person("") is None
    assert link.person(code) is None


def test_a_new_code_takes_the_place_of_the_last(link: Link) -> None:
    first, second = link.new_code("viewer"), link.new_code("viewer")
    helper = link.new_code("helper")
    with pytest.raises(DoorClosed):
        link.enter(first, "a")
    assert link.person(link.enter(second, "a")).role == "viewer"  # type: ignore[union-attr]
    assert link.person(link.enter(helper, "a")).name == "a 2"  # type: ignore[union-attr]


def test_five_tries_a_minute_for_all_together(link: Link, clock: Clock) -> None:
    code = link.new_code("helper")
    for _ in range(TRIES):
        with pytest.raises(DoorClosed, match="not valid"):
            link.enter("A" * 26, "x")
    with pytest.raises(DoorClosed, match="Too many tries"):
        link.enter(code, "x")  # also the right one
    clock.now += 59
    with pytest.raises(DoorClosed, match="Too many tries"):
        link.enter(code, "x")
    clock.now += 1
    assert link.enter(code, "x")


def test_it_ends_by_itself_and_at_a_press(link: Link, clock: Clock) -> None:
    token = link.enter(link.new_code("helper"), "a")
    gate = LinkGate(link)
    assert gate.hosts({}) == {"abc.gradio.live"}
    clock.now += 3 * 3600 - 1
    assert link.person(token)
    clock.now += 1
    assert link.person(token) is None
    assert gate.hosts({}) == set()
    with pytest.raises(DoorClosed, match="has ended"):
        link.enter("a", "b")
    other = Link("https://abc.gradio.live", 3, clock)
    token = other.enter(other.new_code("helper"), "a")
    other.end()
    assert other.person(token) is None
    assert LinkGate(other).hosts({}) == set()


def test_somebody_is_shown_out(link: Link) -> None:
    token = link.enter(link.new_code("helper"), "a")
    stays = link.enter(link.new_code("helper"), "b")
    person = link.person(token)
    assert person
    link.throw_out(person.session)
    assert link.person(token) is None
    assert link.person(stays)


def test_there_is_room_for_so_many(link: Link, clock: Clock) -> None:
    for number in range(MOST_GUESTS):
        clock.now += 60
        link.enter(link.new_code("viewer"), str(number))
    clock.now += 60
    with pytest.raises(DoorClosed, match="As many people"):
        link.enter(link.new_code("viewer"), "one more")


def test_the_gate_lets_in_only_roles_of_this_way(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = link.enter(link.new_code("helper"), "a")
    headers = {"cookie": f"lorabake={token}"}
    monkeypatch.setenv(MODE_VARIABLE, "share")
    assert LinkGate(link).person(headers).role == "helper"
    for mode in ("local", "demo"):
        monkeypatch.setenv(MODE_VARIABLE, mode)
        with pytest.raises(Refused):
            LinkGate(link).person(headers)
    assert LOCAL.roles == {"owner"}
    monkeypatch.setenv(MODE_VARIABLE, "share")
    for odd in ("", "lorabake=", "lorabake=owner", "lorabake", "x=1; lorabake=\x00", ";;"):
        with pytest.raises(Refused):
            LinkGate(link).person({"cookie": odd})


# --- over HTTP -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, Parts, str]]:
    folder = tmp_path_factory.mktemp("shared") / "workspace"
    with running_page(folder, program=PROGRAM) as page:
        parts = Parts(page)
        yield page, parts, parts.open()


@pytest.fixture(scope="module")
def mika(shared: tuple[Page, Parts, str]) -> Visitor:
    _, parts, url = shared
    return helper(parts, url)


def test_the_door_and_what_lies_behind(shared: tuple[Page, Parts, str]) -> None:
    _, parts, url = shared
    visitor = Visitor(url)
    status, headers, body = visitor.request("GET", "/")
    assert (status, b"lorabake/enter" in body) == (200, True)
    assert headers["content-security-policy"] == guard.CSP
    for path in ("/config", "/lorabake/id", "/gradio_api/info", "/assets/index.js", "/nowhere"):
        assert visitor.request("GET", path)[0] == 401
    assert visitor.request("GET", "/lorabake/here")[0] == 401
    status, said = visitor.enter("AAAAA-AAAAA")
    assert (status, "not valid" in said) == (403, True)

    code = parts.ask("lb_link_code", role="viewer")["code"]
    status, cookie = visitor.enter(code, "<b>Rin")
    assert status == 303
    for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in cookie
    assert len(visitor.cookie) > 40
    assert json.loads(visitor.request("GET", "/lorabake/here")[2]) == {
        "role": "viewer",
        "name": "<b>Rin",
    }
    assert visitor.request("GET", "/")[0] == 200
    config = json.loads(visitor.request("GET", "/config")[2])
    assert config["root"] == url
    assert str(Path.home()) not in json.dumps(config)
    assert visitor.request("GET", "/lorabake/enter")[1]["location"] == "/"
    assert visitor.ask(parts, "lb_here")["role"] == "viewer"
    assert visitor.ask(parts, "lb_pulse", project="")["busy"] is False
    assert [one["name"] for one in parts.ask("lb_link")["guests"]] == ["<b>Rin"]
    assert Visitor(url).enter(code)[0] == 403  # used up

    assert visitor.request("POST", "/lorabake/leave")[0] == 303
    assert visitor.request("GET", "/config")[0] == 401
    assert parts.ask("lb_link")["guests"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost"},
        {"Host": "localhost:{own}"},
        {"Host": "127.0.0.1:{own}"},
        {"Host": "127.0.0.1"},
        {"Host": "evil.example"},
        {"X_Forwarded_For": "127.0.0.1"},
        {"X_Forwarded_Host": "localhost:{own}"},
        {"Forwarded": "for=127.0.0.1;host=localhost"},
        {"X_Real_IP": "127.0.0.1"},
        {"Cookie": "lorabake=owner"},
        {"Cookie": ""},
    ],
)
def test_nobody_becomes_the_owner_through_the_tunnel(
    shared: tuple[Page, Parts, str], mika: Visitor, headers: dict[str, str]
) -> None:
    """Whatever a request says about itself: it came in at the tunnel's port."""
    page, parts, _ = shared
    sent = {name: value.format(own=page.port) for name, value in headers.items()}
    status, _, body = mika.request(
        "POST", "/gradio_api/component_server", parts.call("lb_link", {}), **sent
    )
    assert status in (401, 403) or json.loads(body)["refused"] == "own"
    status, _, body = mika.request(
        "POST", "/gradio_api/component_server", parts.call("lb_here", {}), **sent
    )
    assert status in (401, 403) or json.loads(body)["role"] == "helper"


def test_the_links_host_is_not_known_at_the_owners_port(
    shared: tuple[Page, Parts, str], mika: Visitor
) -> None:
    page, _, url = shared
    host = urlsplit(url).netloc
    assert page.request("GET", "/config", headers={"Host": host})[0] == 403
    assert page.request("GET", "/config", headers={"X-Forwarded-For": "1.2.3.4"})[0] == 403
    assert page.request("GET", "/config", headers={"Cookie": mika.cookie})[0] == 200


PROBES = [
    *[("POST", path, {"Origin": origin}) for path in test_guard.WRITES
      for origin in ("http://evil.example", "null", "http://127.0.0.1:1")],
    *[("POST", path, {"Sec_Fetch_Site": site}) for path in test_guard.WRITES
      for site in ("cross-site", "same-site")],
    *[("GET", path, {"Origin": "http://evil.example"}) for path in test_guard.READS],
    *[("GET", path, {"Sec_Fetch_Site": "cross-site"}) for path in test_guard.READS],
    *[("GET", path, {}) for path in test_guard.NOT_THERE],
    ("POST", "/lorabake/enter", {"Origin": "http://evil.example"}),
    ("POST", "/lorabake/enter", {"Sec_Fetch_Site": "cross-site"}),
    ("POST", "/lorabake/leave", {"Origin": "null"}),
    ("GET", "/lorabake/here", {"Sec_Fetch_Site": "same-site"}),
    ("OPTIONS", "/config", {"Origin": "http://evil.example"}),
]  # fmt: skip


def test_cross_site_probes_with_a_session(
    shared: tuple[Page, Parts, str], mika: Visitor, figures: dict[str, Any]
) -> None:
    """A website that a helper visits can do nothing with their session."""
    _, parts, _ = shared
    assert len(PROBES) >= 40
    for method, path, headers in PROBES:
        body = parts.call("lb_here", {}) if method == "POST" else None
        status = mika.request(method, path, body, **headers)[0]
        assert status in (400, 401, 403), (method, path, headers, status)
    figures.setdefault("probes", {})["at a link, with a helper's session"] = {
        "refused": len(PROBES)
    }
    assert mika.ask(parts, "lb_here")["role"] == "helper"


def test_what_a_helper_may(shared: tuple[Page, Parts, str], mika: Visitor) -> None:
    page, parts, _ = shared
    from tests.ui.browsing import make_project

    project = make_project(page.workspace, "hsr", {"a": "kafka", "b": "kafka, solo"})
    opened = mika.ask(parts, "lb_open", project="hsr", id="2_kafka/a.png")
    saved = mika.ask(
        parts, "lb_save", project="hsr", id="2_kafka/a.png", text="kafka, hat",
        base_hash=opened["hash"],
    )  # fmt: skip
    assert "hash" in saved
    caption = project.dataset_dir / "2_kafka" / "a.txt"
    assert caption.read_text(encoding="utf-8") == "kafka, hat"
    (step,) = parts.ask("lb_link", project="hsr")["steps"]
    assert (step["name"], step["undone"]) == ("Mika", False)
    assert parts.ask("lb_helped_undo", project="hsr", operation=step["operation"])["said"]
    assert caption.read_text(encoding="utf-8") == "kafka"

    mika.ask(parts, "lb_set", project="hsr", key="general.epochs", value=3)
    assert parts.ask("lb_link")["deeds"][0]["section"] == "Preparing the oven"
    for name, data in {
        "lb_key": {"service": "civitai", "key": "abc"},
        "lb_download": {"spec": "hf:a/b/c.safetensors"},
        "lb_bin_empty": {"project": "hsr", "count": 0},
        "lb_improve_model": {"batch": "123456789"},
        "lb_handover_folder": {"project": "hsr", "path": "/etc"},
        "lb_grab_search": {"project": "hsr"},
        "lb_link_code": {"role": "helper"},
        "lb_proposal": {"number": 1, "yes": True},
    }.items():
        assert mika.ask(parts, name, **data)["refused"] == "own", name
    assert mika.request("PUT", "/lorabake/upload/123456789?name=a.png", b"x")[0] == 403


def test_nothing_starts_before_the_owner_says_yes(
    shared: tuple[Page, Parts, str], mika: Visitor
) -> None:
    page, parts, _ = shared
    from lorabake.core import jobs
    from lorabake.core.workspace import Workspace
    from tests.ui.browsing import make_project

    make_project(page.workspace, "proposed", {"a": "kafka", "b": "kafka"})
    parts.ask("lb_preset", project="proposed", preset="practice")
    answer = mika.ask(parts, "lb_bake", project="proposed")
    assert answer.get("proposed"), answer
    workspace = Workspace.open(page.workspace)
    assert not [view for view in jobs.jobs(workspace) if view.project == "proposed"]
    assert not workspace.project("proposed").runs()
    proposal = parts.ask("lb_link")["proposals"][0]
    assert proposal["name"] == "Mika"
    assert re.match(r"Bake proposed with .+ on practice, \d+ epochs", proposal["text"])
    assert mika.ask(parts, "lb_proposal", number=proposal["number"], yes=True)["refused"]
    parts.ask("lb_proposal", number=proposal["number"], yes=False)
    assert parts.ask("lb_link")["proposals"][0]["state"] == "refused"
    assert not workspace.project("proposed").runs()

    mika.ask(parts, "lb_bake", project="proposed")
    number = parts.ask("lb_link")["proposals"][0]["number"]
    assert "begun" in parts.ask("lb_proposal", number=number, yes=True)["said"]
    (view,) = [view for view in jobs.jobs(workspace) if view.project == "proposed"]
    assert mika.ask(parts, "lb_stop", place=view.place) == {}


def test_shown_out_ended_and_opened_again(shared: tuple[Page, Parts, str], mika: Visitor) -> None:
    """The last of this module: the link goes."""
    _, parts, url = shared
    rin = helper(parts, url, "viewer", "Rin")
    session = {one["name"]: one["session"] for one in parts.ask("lb_link")["guests"]}
    assert parts.ask("lb_link_out", session=session["Rin"])["said"] == "Rin is out."
    assert rin.ask(parts, "lb_here") == 401
    assert mika.ask(parts, "lb_here")["role"] == "helper"

    parts.ask("lb_link_end")
    try:
        status = mika.ask(parts, "lb_here")
    except OSError:
        status = 0  # the tunnel is gone already
    assert status in (0, 401, 403, 503)
    assert parts.until("off")["guests"] == []
    with pytest.raises(OSError):
        mika.request("GET", "/")
    again = parts.open()
    assert again != url
    assert Visitor(again).request("GET", "/config", Cookie=mika.cookie)[0] == 401
