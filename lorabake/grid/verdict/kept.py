"""What was measured already, so that a verdict that was cut off goes on where it was, to the same bytes."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from lorabake.core.errors import LorabakeError
from lorabake.core.files import MIB, atomic_write_json, read_json
from lorabake.grid.values import number
from lorabake.grid.verdict.asked import Asked, Key
from lorabake.grid.verdict.extra import Prompt

LOSSES = "losses.json"
BASE = "base"
MOST = 16 * MIB


class KeptLosses:
    """The losses of each cell in a file. fingerprint: of all that they depend on; of another one
    nothing counts."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.path = folder / LOSSES
        self.fingerprint = fingerprint
        self.losses: dict[Key | None, list[float]] = {}
        self.strengths: dict[int, float] = {}
        with suppress(OSError, LorabakeError, AttributeError, KeyError, TypeError, ValueError):
            self._take(read_json(self.path, limit=MOST))

    def write(self) -> None:
        record = {
            "format": 1,
            "fingerprint": self.fingerprint,
            "losses": {_name(key): values for key, values in self.losses.items()},
            "strengths": {str(epoch): value for epoch, value in self.strengths.items()},
        }
        atomic_write_json(self.path, record, limit=MOST)

    def _take(self, record: Any) -> None:
        if record["fingerprint"] != self.fingerprint:
            return
        losses = {
            _key(name): [float(value) for value in values]
            for name, values in record["losses"].items()
        }
        strengths = {int(epoch): float(value) for epoch, value in record["strengths"].items()}
        self.losses, self.strengths = losses, strengths


def fingerprint(asked: Asked, pictures: list[str], prompts: list[Prompt]) -> str:
    """Of everything that what is measured and painted depends on. pictures: their hashes."""
    about = {key: value for key, value in asdict(asked).items() if key != "workspace"}
    told = [about, pictures, [(prompt.text, prompt.concept) for prompt in prompts]]
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _name(key: Key | None) -> str:
    return f"{key[0]}|{number(key[1])}" if key else BASE


def _key(name: str) -> Key | None:
    if name == BASE:
        return None
    epoch, _, weight = name.partition("|")
    return int(epoch), float(weight)
