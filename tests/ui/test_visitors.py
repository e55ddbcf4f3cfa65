"""The demo's visitors: a workspace each, nothing kept across them, gone when they are."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lorabake.core import jobs
from lorabake.core.errors import JobError
from lorabake.core.limits import DEMO, MODE_VARIABLE, MODES
from lorabake.core.lock import MACHINE_LOCK_VARIABLE
from lorabake.core.oven import Patience
from lorabake.core.process import is_process
from lorabake.core.queue import Queue
from lorabake.core.run import Run
from lorabake.core.turns import Turns, share_turns
from lorabake.core.workspace import Workspace
from lorabake.ui import place as places
from lorabake.ui.endpoints import is_session_of
from lorabake.ui.place import Place, beside, of_place, open_place, open_places, place
from lorabake.ui.roles import NOBODY, OWNER, Person, present
from lorabake.ui.visitors import DemoFull, Gone, Visitors
from tests.core.test_jobs import KINDS
from tests.ui.conftest import Clock

UI = Path(places.__file__).parent
PATIENCE = Patience(terminate=0.5, kill=1.0, look=0.02)


@pytest.fixture
def found(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visitors]:
    monkeypatch.setenv(MODE_VARIABLE, "demo")
    monkeypatch.setenv(MACHINE_LOCK_VARIABLE, str(tmp_path / "heavy.lock"))
    visitors = Visitors(tmp_path / "visitors", clock)
    visitors.turns = Turns(visitors.workspaces, PATIENCE, KINDS)
    share_turns(visitors.turns)
    open_places(visitors.place)
    yield visitors
    visitors.close()
    share_turns(None)
    places._place = places._find = None


def newcomer(visitors: Visitors) -> Person:
    person = visitors.person(visitors.come())
    assert person is not None
    return person


def test_each_has_a_sample_project_of_their_own(found: Visitors) -> None:
    a, b = newcomer(found), newcomer(found)
    with present(a):
        here = place()
        assert here.workspace.projects() == ["practice"]
        here.workspace.create_project("mine")
    with present(b):
        assert place() is not here
        assert place().workspace.projects() == ["practice"]
    with present(a):
        assert place() is here
    root = here.workspace.root
    assert root.parent == found.root
    assert len(root.name) >= 32  # 128 bits
    assert root.name not in (a.session, b.session)


@pytest.mark.parametrize("person", [OWNER, NOBODY, Person("visitor", session="guessed")])
def test_nobody_else_has_a_place(found: Visitors, person: Person) -> None:
    newcomer(found)
    with present(person), pytest.raises(Gone, match="Load the page anew"):
        place()


def test_secrets_are_long_and_not_kept(found: Visitors) -> None:
    secret = found.come()
    assert len(secret) * 6 >= 256
    assert secret not in repr(vars(found))
    assert found.person("") is found.person("guess") is found.person(secret[:-1]) is None


def test_who_is_idle_for_an_hour_is_forgotten_with_all_files(found: Visitors, clock: Clock) -> None:
    secret, other = found.come(), found.come()
    person = found.person(secret)
    assert person is not None
    with present(person):
        root = place().workspace.root
    clock.now = 3599
    assert found.sweep() == 0
    assert found.person(other) is not None  # asks now and then
    clock.now = 3601
    assert found.sweep() == 1
    assert not root.exists()
    assert found.person(secret) is None
    assert found.person(other) is not None
    with present(person), pytest.raises(Gone):
        place()


def test_no_visit_lasts_for_ever(found: Visitors, clock: Clock) -> None:
    secret = found.come()
    while clock.now < DEMO.visit - 1000:  # type: ignore[operator]
        clock.now += 900
        assert found.person(secret)
        assert found.sweep() == 0
    clock.now += 2000
    assert found.sweep() == 1


def test_so_many_and_no_more(found: Visitors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODES, "demo", replace(DEMO, visitors=2))
    a, b, c = (newcomer(found) for _ in range(3))
    for person in (a, b):
        with present(person):
            place()
    with present(c), pytest.raises(DemoFull, match="The demo is full: 2 people"):
        place()
    found.leave(a)
    with present(c):
        place()


def test_who_never_comes_back_costs_nothing(
    found: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lorabake.ui.visitors.MAX_SECRETS", 3)
    first = found.come()
    for _ in range(5):
        found.come()
    assert found.person(first) is None
    assert list(found.root.iterdir()) == []


def test_leaving_kills_the_job_and_deletes_the_files(found: Visitors) -> None:
    person = newcomer(found)
    with present(person):
        workspace = place().workspace
    run = prepare(workspace, "a", steps=10_000, pause=0.02)
    jobs.enqueue(workspace, "tiny", run.folder, kinds=KINDS)
    until = time.monotonic() + 60
    while not Queue(workspace).read().active_is_alive:
        assert time.monotonic() < until
        time.sleep(0.02)
    process = Queue(workspace).read().active_process
    found.leave(person)
    assert not workspace.root.exists()
    assert not is_process(process["pid"], process["pid_started"], process["boot_id"])
    again = newcomer(found)  # and the next one's turn comes
    with present(again):
        other = place().workspace
    ended = jobs.enqueue(other, "tiny", prepare(other, "b").folder, kinds=KINDS)
    wait_for(other, ended.place)


def prepare(workspace: Workspace, name: str, **wish: float) -> Run:
    run = workspace.project("practice").create_run(name)
    (run.folder / "do.json").write_text(json.dumps(wish), encoding="utf-8")
    return run


def wait_for(workspace: Workspace, place: str) -> str:
    until = time.monotonic() + 120
    while not (status := jobs.job(workspace, place).status).is_over:
        assert time.monotonic() < until
        time.sleep(0.05)
    return status.state


def test_turns(found: Visitors, monkeypatch: pytest.MonkeyPatch) -> None:
    """One at a time, the oldest first; so many wait and one of each person."""
    monkeypatch.setitem(MODES, "demo", replace(DEMO, queue=2))
    assert found.turns is not None
    monkeypatch.setattr(found.turns, "wake", lambda: None)
    spaces = []
    for _ in range(3):
        with present(newcomer(found)):
            spaces.append(place().workspace)
    views = [
        jobs.enqueue(one, "tiny", prepare(one, "a", steps=2).folder, kinds=KINDS)
        for one in spaces[:2]
    ]
    with pytest.raises(JobError, match="2 jobs wait already"):
        jobs.require_place(spaces[2])
    with pytest.raises(JobError, match="one at a time"):
        jobs.require_place(spaces[0])
    assert [jobs.ahead(one) for one in spaces] == [0, 1, 0]
    monkeypatch.undo()
    monkeypatch.setenv(MODE_VARIABLE, "demo")
    found.turns.wake()
    assert [wait_for(one, view.place) for one, view in zip(spaces, views, strict=False)] == [
        "finished",
        "finished",
    ]
    started = [view.run.process_path.stat().st_mtime_ns for view in views]
    assert started == sorted(started)


# --- nothing is kept across places ---------------------------------------------------------------


def test_things_of_a_place(tmp_path: Path) -> None:
    kept: dict[str, int] = of_place(dict)
    open_place(Workspace.open(tmp_path / "a"))
    kept["x"] = 1
    assert kept.get("x") == 1
    assert "x" in kept
    assert len(kept) == 1
    seen: list[Place] = []
    thread = beside(lambda: seen.append(place()), name="test")
    thread.start()
    thread.join()
    assert seen == [place()]
    open_place(Workspace.open(tmp_path / "b"))
    assert not kept
    assert list(kept) == []


def test_threads_beside_the_page_work_in_the_place_of_who_asked(found: Visitors) -> None:
    a, b = newcomer(found), newcomer(found)
    seen: dict[Person, Place] = {}
    threads = []
    for person in (a, b):
        with present(person):
            threads.append(beside(lambda who: seen.setdefault(who, place()), person, name="test"))
    for thread in threads:
        thread.start()
        thread.join()
    for person in (a, b):
        with present(person):
            assert seen[person] is place()


# Names that hold nothing of a visitor's, or are told apart by who it is.
NOT_OF_A_PLACE = {
    "collection._keys": "spellings of tags",
    "deeds._deeds": "of guests, whom a demo has none of",
    "endpoints._calls": "rights",
    "endpoints._events": "rights",
    "endpoints._sessions": "each with whose it is",
    "losses._curves": "by the path of a run, which is in one workspace",
    "proposals._all": "of helpers, whom a demo has none of",
}
MAKERS = {"dict", "list", "set", "OrderedDict", "defaultdict", "deque", "Counter", "LRU"}


def test_no_module_of_the_page_keeps_anything_across_places() -> None:
    """Whatever can grow at the top of a module of the page is of a place, or has its reason above."""
    found = set()
    for path in sorted(UI.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AnnAssign):
                targets = [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and _can_grow(target.id, node.value):  # type: ignore[attr-defined]
                    found.add(f"{path.stem}.{target.id}")
    assert found == set(NOT_OF_A_PLACE)


def _can_grow(name: str, value: ast.expr | None) -> bool:
    if name.isupper() or name == "__all__":  # constants
        return False
    if isinstance(value, ast.Dict | ast.List | ast.Set):
        return True
    called = value.func if isinstance(value, ast.Call) else None
    return isinstance(called, ast.Name) and called.id in MAKERS


def test_globals_that_are_set_again_are_known() -> None:
    """The same for what is not a container: what `global` names."""
    found = {
        f"{path.stem}.{name}"
        for path in sorted(UI.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Global)
        for name in node.names
    }
    assert found == {"place._place", "place._find", "visitors._visitors", "sharing._sharing"}


def test_a_tab_is_of_who_named_it_first() -> None:
    a, b = Person("visitor", session="a"), Person("visitor", session="b")
    assert is_session_of(a, "tab-of-a")
    assert not is_session_of(b, "tab-of-a")
    assert not is_session_of(OWNER, "tab-of-a")
    assert is_session_of(a, "tab-of-a")
    assert is_session_of(b, None)
    assert not is_session_of(b, "x" * 101)
    assert not is_session_of(b, ["tab"])
