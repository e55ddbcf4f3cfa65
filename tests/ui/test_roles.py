"""Who may do what, tried at every function, event and route of the page as it is built.

The list is not written down: it is read off the page, so that whatever is added without a thought
about who may use it fails here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from lorabake.core.workspace import Workspace
from lorabake.ui import deeds, parts, proposals
from lorabake.ui.answers import answered
from lorabake.ui.endpoints import events, events_of, functions_of
from lorabake.ui.guard import Guard, Refused, Scope
from lorabake.ui.parts import part
from lorabake.ui.place import open_place
from lorabake.ui.pulse import Step, offered
from lorabake.ui.roles import NOBODY, OWNER, RIGHTS, ROLES, Person, needs, present, right_of, who
from lorabake.ui.routes import routes

HOST = "127.0.0.1:7860"
ASKING = {role: Person(role, "Mika", f"{role}-1") for role in ROLES if role != "owner"}
ASKING["owner"] = OWNER
PARTS = Path(parts.__file__).parent
# With nothing in the question, each of these answers with a sentence or does nothing.
NOTHING: dict[str, Any] = {}


class AnyGate:
    """Lets everybody in as the person that the header says: the door itself is tested elsewhere."""

    def hosts(self, scope: Scope) -> set[str]:
        return {HOST}

    def person(self, headers: dict[str, str]) -> Person:
        return ASKING[headers["x-test-role"]]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import gradio as gr

    from lorabake.ui.shell import build_page

    workspace = Workspace.open(tmp_path_factory.mktemp("roles") / "workspace")
    workspace.create_project("a")
    open_place(workspace)
    built = build_page()
    app = gr.routes.App.create_app(built, app_kwargs={"routes": routes()}, strict_cors=True)
    built.app = Guard(app, AnyGate())
    return built


@pytest.fixture(scope="module")
def client(page: Any) -> Iterator[TestClient]:
    with TestClient(page.app, base_url=f"http://{HOST}") as running:
        yield running


@pytest.fixture(autouse=True)
def harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is allowed here must not go out or start anything."""
    monkeypatch.setenv("LORABAKE_CONFIG", "/nonexistent")
    monkeypatch.setattr("lorabake.core.jobs.start_detached", _not_here)
    monkeypatch.setattr("lorabake.core.http.Web._ask", _not_here)


def _not_here(*_: Any, **__: Any) -> Any:
    raise AssertionError("a test of rights started something")


def ask(client: TestClient, role: str, component: int, name: str, data: Any = NOTHING) -> Any:
    body = {"data": data, "component_id": component, "fn_name": name, "session_hash": f"s-{role}"}
    answer = client.post("/gradio_api/component_server", json=body, headers={"x-test-role": role})
    assert answer.status_code == 200, (name, answer.text[:200])
    return answer.json()


def test_everything_on_the_page_declares_its_right(page: Any) -> None:
    found = functions_of(page)
    rights = {(name, right_of(function)) for (_, name), function in found.items()}
    assert len(rights) > 150
    assert {right for _, right in rights} == set(RIGHTS)
    assert events_of(page) == dict(events())
    assert {right_of(route.endpoint) for route in routes()} <= set(RIGHTS)


def count(figures: dict[str, Any], what: str, right: str, role: str, outcome: str) -> None:
    """One thing that was asked, for the table of docs/security.md."""
    table = figures.setdefault("roles", {}).setdefault(f"{right} {what}", {})
    outcomes = table.setdefault(role, {})
    outcomes[outcome] = outcomes.get(outcome, 0) + 1


@pytest.mark.parametrize("role", ROLES)
def test_functions(page: Any, client: TestClient, role: str, figures: dict[str, Any]) -> None:
    """Every function that scripts may call: allowed, proposed or refused, as its right says.

    The page has been told beforehand which ones are refused, so that it offers no button for them.
    """
    tried, refused = 0, set()
    for (component, name), function in functions_of(page).items():
        if role in ("owner", "visitor") and right_of(function) != "look":
            continue  # doing it is what the tests of each panel are for
        tried += 1
        answer = ask(client, role, component, name)
        proposing = role == "helper" and right_of(function) == "start"
        was_refused = "refused" in answer
        if role not in ("owner", "visitor"):
            outcome = "refused" if was_refused else "proposed" if proposing else "done"
            count(figures, "functions", right_of(function), role, outcome)
        if ASKING[role].may(right_of(function)) or proposing:
            assert not was_refused, name
        else:
            assert answer.get("refused") == right_of(function), (role, name, answer)
            refused.add(name)
    assert tried > 60
    if role in ("helper", "viewer"):
        assert refused == {name for names in told(page, client, role).values() for name in names}
    print(f"{role}: {tried} functions")  # noqa: T201


@pytest.mark.parametrize("role", ["owner", "visitor"])
def test_what_is_allowed_is_done(
    page: Any, client: TestClient, role: str, figures: dict[str, Any]
) -> None:
    """The same for all the rest, up to the function itself, in whose place somebody counts."""
    came: list[str] = []
    for (component, name), function in functions_of(page).items():
        inner = function.__closure__[function.__code__.co_freevars.index("function")]
        real = inner.cell_contents
        inner.cell_contents = _counting(came, name, real)
        try:
            before = len(came)
            answer = ask(client, role, component, name)
        finally:
            inner.cell_contents = real
        allowed = ASKING[role].may(right_of(function))
        outcome = "done" if len(came) > before else "refused"
        count(figures, "functions", right_of(function), role, outcome)
        assert (len(came) > before) is allowed, name
        assert ("refused" in answer) is not allowed, name
    assert len(came) > 60


def told(page: Any, client: TestClient, role: str) -> dict[str, list[str]]:
    """Why not → the functions that this person is refused, as the page hears it."""
    here = next(key for key in functions_of(page) if key[1] == "lb_here")
    return dict(ask(client, role, *here)["closed"])


OWNERS = "Only the owner of this machine may do this"


def test_why_a_button_cannot_be_pressed(page: Any, client: TestClient) -> None:
    assert told(page, client, "owner") == {}
    assert set(told(page, client, "helper")) == {OWNERS}
    viewer = told(page, client, "viewer")
    assert set(viewer) == {OWNERS, "You are here to look; a helper may do this"}
    assert viewer[OWNERS] == told(page, client, "helper")[OWNERS]
    assert "lb_key" in viewer[OWNERS]
    may = viewer["You are here to look; a helper may do this"]
    assert {"lb_save", "lb_bake", "lb_stop"} <= set(may)
    (why,) = told(page, client, "visitor")
    assert why.startswith("This is not possible here")


@pytest.mark.parametrize(
    ("press", "who_may"),
    [("lb-bake", {"owner", "helper", "visitor"}), ("lb-open-sample", {"owner", "visitor"})],
)
def test_the_next_step_has_a_button_for_who_may_press_it(press: str, who_may: set[str]) -> None:
    step = Step("2 pictures.", "Bake 10 epochs", "baking", press)
    for role, person in ASKING.items():
        with present(person):
            assert (offered(step) == step) is (role in who_may)
            assert offered(step).text == step.text
            assert bool(offered(step).button) is (role in who_may)


# Calls that no control on the page names as what it needs, by the reason.
NOT_NAMED = {
    "in sections that only the owner is shown": {
        *("lb_grab_account", "lb_grab_found", "lb_grab_own", "lb_grab_page", "lb_grab_pause"),
        *("lb_grab_resume", "lb_grab_search", "lb_grab_set", "lb_grab_start", "lb_grab_stop"),
        *("lb_grab_undo", "lb_grab_update", "lb_import", "lb_key", "lb_download_forget"),
    },
    "in the panel of the owner's link": {
        *("lb_link", "lb_link_code", "lb_link_end", "lb_link_out", "lb_link_start"),
        *("lb_proposal", "lb_helped_undo"),
    },
    "inside of, or only after, what is closed by another one": {
        *("lb_concept_choose", "lb_concept_forget", "lb_concept_take", "lb_curate_erasers"),
        *("lb_duel_undo", "lb_friend_out", "lb_hand_over", "lb_handover_folder"),
        *("lb_handover_state", "lb_handover_undo", "lb_handover_upload", "lb_handover_words"),
        *("lb_improve_close_stop", "lb_leave", "lb_looked_into", "lb_lora_files"),
        *("lb_concept_settings_back", "lb_concept_unbalance", "lb_process_restore"),
        *("lb_restore_list",),
    },
}


def test_controls_name_what_they_need(page: Any) -> None:
    """Whatever a script can change by a control that guests are shown is closed by `closed.js`."""
    rights = {name: right_of(function) for (_, name), function in functions_of(page).items()}
    scripts = "".join(path.read_text(encoding="utf-8") for path in PARTS.glob("*.js"))
    named = set(re.findall(r'"(lb_[a-z_]+)"', scripts))
    assert named <= set(rights), "a name that nothing has"
    changing = {name for name, right in rights.items() if right != "look"}
    assert changing - named == set().union(*NOT_NAMED.values())


def _counting(came: list[str], name: str, real: Any) -> Any:
    def count(data: dict[str, Any]) -> dict[str, Any]:
        came.append(name)
        return {}

    count.__name__, count.__module__ = real.__name__, real.__module__
    return count


@pytest.mark.parametrize("role", ROLES)
def test_events(page: Any, client: TestClient, role: str, figures: dict[str, Any]) -> None:
    for number, right in events().items():
        body = {"data": [], "fn_index": number, "session_hash": f"s-{role}", "event_data": None}
        headers = {"x-test-role": role}
        # Gradio would queue it and then miss its inputs; the guard decides before that.
        status = client.post("/gradio_api/queue/join", json=body, headers=headers).status_code
        count(figures, "events", right, role, "refused" if status == 403 else "done")
        assert (status != 403) is ASKING[role].may(right), (number, role, status)


@pytest.mark.parametrize("number", [None, 10**6, -1, "0", 0.0, True, [0]])
def test_events_that_are_none_are_refused(client: TestClient, number: Any) -> None:
    body = {"data": [], "fn_index": number, "session_hash": "s-owner"}
    headers = {"x-test-role": "owner"}
    assert client.post("/gradio_api/queue/join", json=body, headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["run/predict", "call/look", "call/v2/look", "run/look"])
@pytest.mark.parametrize("role", ROLES)
def test_there_is_no_way_around_the_queue(client: TestClient, path: str, role: str) -> None:
    answer = client.post(
        f"/gradio_api/{path}", json={"data": [], "fn_index": 0}, headers={"x-test-role": role}
    )
    assert answer.status_code == 403


def address(route: Route) -> str:
    """One that the route answers to; "1" is a name and a number."""
    return re.sub(r"\{[^}]+\}", "1", route.path)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", routes(), ids=lambda route: route.path)
def test_own_routes(client: TestClient, route: Route, role: str, figures: dict[str, Any]) -> None:
    method = "PUT" if "PUT" in (route.methods or ()) else "GET"
    answer = client.request(method, address(route), headers={"x-test-role": role})
    right, refused = right_of(route.endpoint), answer.status_code == 403
    count(figures, "addresses", right, role, "refused" if refused else "done")
    assert refused is not ASKING[role].may(right)


def test_the_person_is_known_in_the_threads_that_answer(page: Any, client: TestClient) -> None:
    component, name = next(key for key in functions_of(page) if key[1] == "lb_pulse")
    function = functions_of(page)[component, name]
    cell = function.__closure__[function.__code__.co_freevars.index("function")]
    real, seen = cell.cell_contents, []

    def look(data: dict[str, Any]) -> dict[str, Any]:
        seen.append(who())
        return {}

    cell.cell_contents = look
    try:
        for role in ("viewer", "helper", "owner"):
            ask(client, role, component, name)
    finally:
        cell.cell_contents = real
    assert [person.role for person in seen] == ["viewer", "helper", "owner"]
    assert who() is OWNER


def test_a_function_without_a_right_is_refused_when_the_page_is_built() -> None:
    def lb_new(data: dict[str, Any]) -> dict[str, Any]:
        return {}

    with pytest.raises(AssertionError, match="lb_new does not say"):
        right_of(lb_new)
    with pytest.raises(AssertionError):
        needs("anything")  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="lb_new does not say"):
        part("notice", calls=(lb_new,))
    with pytest.raises(AssertionError, match="which right"):
        answered(lb_new)  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="what is proposed"):
        answered("start")(lb_new)


def test_roles_are_nested_as_they_should() -> None:
    assert ROLES["viewer"] < ROLES["helper"]
    assert not ROLES["helper"] & {"own", "upload", "start"}
    assert "own" not in ROLES["visitor"]
    assert not ROLES["nobody"]
    assert not NOBODY.may("look")


def test_keys_and_accounts_are_not_shown_to_others(page: Any, client: TestClient) -> None:
    names = {name: component for component, name in functions_of(page)}
    shown = {
        role: [
            ask(client, role, names["lb_shelf"], "lb_shelf"),
            ask(client, role, names["lb_grabber"], "lb_grabber", {"project": "a", "form": True}),
        ]
        for role in ("helper", "viewer")
    }
    for answers in shown.values():
        assert answers[0]["keys"] == {}
        assert answers[0]["folder"] == ""
        assert answers[1]["accounts"] == []
        assert str(Path.home()) not in json.dumps(answers)


def test_a_helper_proposes_and_the_owner_decides() -> None:
    done: list[Any] = []
    texts = iter(["Bake a", "Bake a", "Bake b", "Bake b"])

    @answered("start", what=lambda data: next(texts))
    def lb_thing(data: dict[str, Any]) -> dict[str, Any]:
        done.append(data)
        return {}

    with present(ASKING["viewer"]):
        assert lb_thing({})["refused"] == "start"
    with present(ASKING["helper"]):
        answer = lb_thing({"x": 1})
    assert answer["proposed"]
    assert not done
    (found,) = [one for one in proposals.proposals() if one.state == "waiting"]
    assert (found.text, found.person.name) == ("Bake a", "Mika")
    proposals.approve(found.number)
    assert done == [{"x": 1}]
    with pytest.raises(Exception, match="answered already"):
        proposals.approve(found.number)


def test_what_changed_since_it_was_proposed_is_shown_again() -> None:
    done: list[Any] = []
    texts = iter(["10 epochs", "1000 epochs", "1000 epochs"])

    @answered("start", what=lambda data: next(texts))
    def lb_thing(data: dict[str, Any]) -> dict[str, Any]:
        done.append(data)
        return {}

    with present(ASKING["helper"]):
        lb_thing({})
    number = proposals.proposals()[0].number
    with pytest.raises(Exception, match="1000 epochs"):
        proposals.approve(number)
    assert not done
    proposals.approve(number)
    assert done == [{}]


def test_deeds_of_others_are_remembered() -> None:
    @answered("edit")
    def lb_thing(data: dict[str, Any]) -> dict[str, Any]:
        return {}

    before = len(deeds.deeds(1000))
    lb_thing({})
    assert len(deeds.deeds(1000)) == before  # the owner's own are not
    with present(ASKING["helper"]):
        lb_thing({"project": "a"})
        lb_thing({"project": "a"})
    newest = deeds.deeds()[0]
    assert (newest.name, newest.project, newest.times) == ("Mika", "a", 2)


def test_forwarded_requests_are_not_the_owners() -> None:
    from lorabake.ui.guard import FORWARDED, LocalGate

    assert LocalGate().person({}) is OWNER
    for name in FORWARDED:
        with pytest.raises(Refused):
            LocalGate().person({name: "anything"})
