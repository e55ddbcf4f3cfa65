"""Who may do what. Everything the page can ask for needs one of these rights:

    look     see pictures, captions, settings, jobs and grids
    edit     change captions and settings, in ways that can be undone
    start    set a process to work; a helper may `propose` it, and the owner says yes or no
    stop     ask a job to stop
    upload   send pictures and settings to this computer
    own      all the rest: folders, files, downloads, keys, deleting, links

Nothing is allowed by default: what declares no right is refused when the page is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from lorabake.core.author import working_as
from lorabake.core.limits import limits

Right = Literal["look", "edit", "start", "stop", "upload", "own"]
RIGHTS: tuple[Right, ...] = ("look", "edit", "start", "stop", "upload", "own")
PROPOSE = "propose"

ROLES: dict[str, frozenset[str]] = {
    "owner": frozenset(RIGHTS),
    "helper": frozenset({"look", "edit", "stop", PROPOSE}),
    "viewer": frozenset({"look"}),
    "visitor": frozenset({"look", "edit", "start", "stop", "upload"}),
    "nobody": frozenset(),
}


@dataclass(frozen=True)
class Person:
    """Who asks. name: as given at the door, "" for the owner; session: tells one visit from another."""

    role: str
    name: str = ""
    session: str = ""

    def may(self, right: str) -> bool:
        return right in ROLES[self.role]

    def may_ask(self, right: str) -> bool:
        """Whether asking leads anywhere: to an answer, or to a proposal."""
        return self.may(right) or (right == "start" and self.may(PROPOSE))

    @property
    def is_owner(self) -> bool:
        return self.role == "owner"

    @property
    def is_guest(self) -> bool:
        """Somebody at the owner's things, who is told what they did."""
        return self.role in ("helper", "viewer")


OWNER = Person("owner")
NOBODY = Person("nobody")

# Outside of a request (tests, the command line) the owner is at it; a request always sets it.
_present: ContextVar[Person] = ContextVar("person", default=OWNER)


def who() -> Person:
    """Who the present request is from; also in the threads that Gradio answers in."""
    return _present.get()


@contextmanager
def present(person: Person) -> Iterator[None]:
    """Answer for this person inside."""
    token = _present.set(person)
    try:
        with working_as(person.name):
            yield
    finally:
        _present.reset(token)


Function = TypeVar("Function")


def needs(right: Right) -> Any:
    """Declare what an event handler of the page needs; the guard asks for it (see `endpoints`)."""
    assert right in RIGHTS, right

    def declare(function: Function) -> Function:
        function.needs = right  # type: ignore[attr-defined]
        return function

    return declare


def right_of(function: Any) -> Right:
    """What was declared; AssertionError for what nobody has thought about."""
    right = getattr(function, "needs", None)
    name = getattr(function, "__name__", function)
    assert right in RIGHTS, f"{name} does not say which right it needs (see ui/roles.py)"
    return right


def why_not(person: Person, right: str) -> str:
    """What a button says that this person may not press."""
    if person.role == "visitor":
        return "This is not possible here; start lorabake on a computer of your own"
    if Person("helper").may_ask(right):
        return "You are here to look; a helper may do this"
    return "Only the owner of this machine may do this"


def refusal(person: Person, right: str) -> dict[str, Any]:
    """What the page is answered instead."""
    if person.role == "viewer":
        text = "You are here to look. Ask for a helper's code if you want to change something."
    elif person.role == "helper":
        text = "This is for the owner of the computer only. Ask them to do it."
    elif person.role == "visitor":
        text = "This is not possible here. Start lorabake on a computer of your own."
    elif limits().visitors is not None:
        text = "This visit to the demo is over. Load the page anew to begin another one."
    else:
        text = "You are not let in any more. Ask the owner for a new code."
    return {"error": text, "refused": right}
