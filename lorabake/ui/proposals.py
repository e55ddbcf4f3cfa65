"""What helpers would like to be started: nothing runs before the owner has said yes.

The list lives as long as this process. A proposal remembers the question that was asked, and is
described anew before it is done: when its description is another one by then, it is shown once more.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lorabake.core.errors import JobError
from lorabake.ui.place import place
from lorabake.ui.roles import Person

MOST = 20  # that wait for an answer; more would only hide each other
KEPT = 30  # that were answered

Describe = Callable[[dict[str, Any]], str]
Call = Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Proposal:
    """state: waiting, approved, refused or failed; said: what came of it, when something did."""

    number: int
    person: Person
    text: str
    time: float
    call: Call
    data: dict[str, Any]
    what: str | Describe
    state: str = "waiting"
    said: str = ""


_all: dict[int, Proposal] = {}
_numbers = itertools.count(1)
_guard = threading.Lock()


def describe(what: str | Describe, data: dict[str, Any]) -> str:
    """One line for the owner; LorabakeError when it cannot be done as it stands."""
    if callable(what):
        return what(data)
    return f"{what} in {place().project(data.get('project')).name}"


def propose(person: Person, call: Call, data: dict[str, Any], what: str | Describe) -> Any:
    """Put it before the owner; what the page is answered."""
    text = describe(what, data)
    with _guard:
        waiting = [one for one in _all.values() if one.state == "waiting"]
        if not any(one.text == text and one.person.session == person.session for one in waiting):
            if len(waiting) >= MOST:
                raise JobError("The owner has many proposals to answer already. Wait a little.")
            number = next(_numbers)
            _all[number] = Proposal(number, person, text, time.time(), call, data, what)
    return {"error": f"Proposed: {text}. It begins when the owner says yes.", "proposed": True}


def proposals() -> list[Proposal]:
    """The newest first."""
    return sorted(_all.values(), key=lambda one: -one.number)


def approve(number: object) -> Proposal:
    """Do it on behalf of the owner, who is asking; another description is shown first."""
    found = _take(number)
    try:
        now = describe(found.what, found.data)
    except Exception:
        _keep(replace(found, state="waiting"))
        raise
    if now != found.text:
        _keep(replace(found, text=now, state="waiting"))
        raise JobError(f"This has changed since it was proposed. Now it is: {now}. Look again.")
    answer = found.call(found.data)
    failed = str(answer.get("error", ""))
    done = replace(found, state="failed" if failed else "approved", said=failed)
    _keep(done)
    if failed:
        raise JobError(failed)
    return done


def refuse(number: object) -> Proposal:
    done = replace(_take(number), state="refused")
    _keep(done)
    return done


def forget_of(session: str) -> None:
    """Somebody left, or was shown the door: nobody needs to answer them."""
    with _guard:
        for one in list(_all.values()):
            if one.person.session == session and one.state == "waiting":
                del _all[one.number]


def _take(number: object) -> Proposal:
    """One that waits, so that two tabs cannot both say yes."""
    with _guard:
        found = _all.get(number) if isinstance(number, int) else None
        if found is None or found.state != "waiting":
            raise JobError("This proposal was answered already, or is no longer there.")
        _all[found.number] = replace(found, state="approved")
        return found


def _keep(proposal: Proposal) -> None:
    with _guard:
        _all[proposal.number] = proposal
        answered = sorted(one.number for one in _all.values() if one.state != "waiting")
        for number in answered[:-KEPT]:
            del _all[number]
