"""What can go wrong with a booru, so that each of it gets a sentence of its own."""

from __future__ import annotations

from lorabake.core.errors import NetworkError


class CollectError(NetworkError):
    """A booru did not give what was asked for."""


class KeyMissing(CollectError):
    """It answers nobody without a key, or does not know the key it got."""


class TooManyTags(CollectError):
    """It allows fewer tags in one search."""


class PageTooDeep(CollectError):
    """It does not count pages that far."""


class Throttled(CollectError):
    """It had too many requests from here."""


class Blocked(CollectError):
    """It refuses this program, or this connection."""


class Unintelligible(CollectError):
    """It answered something else than posts."""
