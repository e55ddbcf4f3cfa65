"""Which right each event of the page needs, for the guard, which sees only their numbers.

Gradio answers events in threads of its own, long after the request. So an event is allowed or refused
when it is asked for, and answered for the person whom the guard has written into that request.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from gradio.context import LocalContext

from lorabake.ui.roles import NOBODY, Person, Right, present, right_of, why_not

PERSON = "lorabake.person"  # in a scope: who asks, as the guard has found
MAX_SESSIONS = 5000

_events: dict[int, Right] = {}
_calls: dict[str, Right] = {}


def events_of(page: Any) -> dict[int, Right]:
    """Number of each event of a page → right; AssertionError for one that declares none.

    An event without a function only runs a script in the browser.
    """
    return {
        number: right_of(event.fn) if event.fn is not None else "look"
        for number, event in page.fns.items()
    }


def functions_of(page: Any) -> dict[tuple[int, str], Any]:
    """(number of its component, name) of each function that scripts may call → the function."""
    return {
        (block_id, name): getattr(block, name)
        for block_id, block in page.blocks.items()
        for name in {*vars(block), *_of_its_kind(block)}
        if getattr(getattr(block, name, None), "_is_server_fn", False)
    }


def open_events(page: Any) -> None:
    """Let these be asked for from now on; everything on the page must have declared its right."""
    _calls.clear()
    for (_, name), function in functions_of(page).items():
        right = right_of(function)
        assert _calls.setdefault(name, right) == right, (
            f"{name} is two functions of different rights"
        )
    _events.clear()
    _events.update(events_of(page))
    for event in page.fns.values():
        if event.fn is not None:
            event.fn = _for_who_asked(event.fn)


def events() -> Mapping[int, Right]:
    return _events


def refused_calls(person: Person) -> dict[str, list[str]]:
    """Why not → the functions that would only answer so; a page shows no button for them as if it could."""
    refused: dict[str, list[str]] = {}
    for name, right in sorted(_calls.items()):
        if not person.may_ask(right):
            refused.setdefault(why_not(person, right), []).append(name)
    return refused


def _of_its_kind(block: Any) -> set[str]:
    """What Gradio's own component brings along, such as a file browser."""
    return {function.__name__ for function in getattr(block, "server_fns", ())}


def _for_who_asked(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def answer(*given: Any) -> Any:
        request = LocalContext.request.get(None)
        scope = getattr(getattr(request, "request", None), "scope", {})
        with present(scope.get(PERSON, NOBODY)):
            return function(*given)

    return answer


# Gradio's name of a tab's session → whose tab it is. A browser makes the names up.
_sessions: OrderedDict[str, tuple[str, str]] = OrderedDict()
_guard = threading.Lock()


def is_session_of(person: Person, hash: object) -> bool:
    """Whether this tab is the person's; a name that nobody has used yet is from now on theirs."""
    if hash is None:
        return True
    if not isinstance(hash, str) or len(hash) > 100:
        return False
    whose = (person.role, person.session)
    with _guard:
        found = _sessions.setdefault(hash, whose)
        _sessions.move_to_end(hash)
        while len(_sessions) > MAX_SESSIONS:
            _sessions.popitem(last=False)
    return found == whose
