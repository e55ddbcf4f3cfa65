"""Who is at it: the name that the journal writes beside a step.

Empty for the owner of the computer and for the command line; else the name that somebody gave who
helps over a link. It follows a request into its threads (`contextvars`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_author: ContextVar[str] = ContextVar("author", default="")


def author() -> str:
    return _author.get()


@contextmanager
def working_as(name: str) -> Iterator[None]:
    """What is changed inside was done by this person."""
    token = _author.set(name)
    try:
        yield
    finally:
        _author.reset(token)
