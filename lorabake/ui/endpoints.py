"""Which right each event of the page needs, for the guard, which sees only their numbers.

Gradio answers events in threads of its own, long after the request, where nobody knows any more who
asked. So an event is allowed or refused when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lorabake.ui.roles import Right, right_of

_events: dict[int, Right] = {}


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
    for function in functions_of(page).values():
        right_of(function)
    _events.clear()
    _events.update(events_of(page))


def events() -> Mapping[int, Right]:
    return _events


def _of_its_kind(block: Any) -> set[str]:
    """What Gradio's own component brings along, such as a file browser."""
    return {function.__name__ for function in getattr(block, "server_fns", ())}
