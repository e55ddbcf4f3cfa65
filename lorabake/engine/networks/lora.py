"""The former place of `attach`."""

from lorabake.engine.networks import attach

__all__ = ["attach"]
