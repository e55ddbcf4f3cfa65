"""How the page answers: every error becomes a sentence, and nothing else leaves the server."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from lorabake.core.errors import LorabakeError
from lorabake.ui.deeds import remember_deed
from lorabake.ui.proposals import Describe, propose
from lorabake.ui.roles import RIGHTS, Right, refusal, who

logger = logging.getLogger(__name__)

BUG = "Something went wrong inside lorabake. Its window shows the details; please report them."


def answered(
    right: Right, *, what: str | Describe = ""
) -> Callable[[Callable[[dict[str, Any]], dict[str, Any]]], Callable[[Any], dict[str, Any]]]:
    """A function the page's scripts may call: one dict in, one dict out, `error` for a sentence.

    right: what whoever asks must be allowed; see roles.py. what: for those that need "start", what
    the owner is asked when a helper proposes it.
    """
    assert right in RIGHTS, "say which right it needs (see roles.py)"
    assert right != "start" or what, "say what is proposed"

    def decorate(
        function: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> Callable[[Any], dict[str, Any]]:
        @wraps(function)
        def call(data: Any) -> dict[str, Any]:
            given = data if isinstance(data, dict) else {}
            person = who()
            try:
                if person.may(right):
                    answer = function(given)
                elif person.may_ask(right):
                    return propose(person, call, given, what)
                else:
                    return refusal(person, right)
            except LorabakeError as error:
                return {"error": str(error)}
            except Exception:
                logger.exception("%s failed", function.__name__)
                return {"error": BUG}
            if right != "look" and person.is_guest:
                remember_deed(person, function, given)
            return answer

        # Gradio looks at the signature for arguments of its own; ours has one, whatever was wrapped.
        del call.__wrapped__
        call.needs = right  # type: ignore[attr-defined]
        return call

    return decorate


def message(level: str, text: str, **more: str) -> dict[str, str]:
    """One line for a notice part: level "ok", "info", "warn" or "bad"."""
    return {"level": level, "text": text, **more}


def sentence(error: Exception) -> str:
    """What to show for an error of any kind."""
    if isinstance(error, LorabakeError):
        return str(error)
    logger.error("A handler failed", exc_info=error)
    return BUG


def text(data: dict[str, Any], name: str, *, limit: int = 10_000) -> str:
    """A text the page sent, cut to its limit; nothing else than text counts."""
    value = data.get(name)
    return value[:limit] if isinstance(value, str) else ""


def number(data: dict[str, Any], name: str, *, otherwise: int, low: int, high: int) -> int:
    """A whole number the page sent, brought within its limits."""
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return otherwise
    return int(min(max(value, low), high))
