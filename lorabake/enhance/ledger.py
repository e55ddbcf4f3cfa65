"""What an improvement has ready, written down picture by picture, so that a killed one goes on."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FILE = "made.jsonl"  # in the job's folder


@dataclass(frozen=True)
class Ledger:
    """path: of the file, or None to remember nothing. root: of the data set."""

    path: Path | None
    root: Path

    def note(self, picture: str, sha: str, made: Path) -> None:
        """picture: its place below the data set; sha: of its content; made: the result's file."""
        if self.path is None:
            return
        place = made.relative_to(self.root).as_posix()
        line = json.dumps({"picture": picture, "sha": sha, "made": place}) + "\n"
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line)

    def ready(self) -> dict[tuple[str, str], Path]:
        """(picture, sha) → results of an earlier attempt that still wait in `.made/`."""
        found: dict[tuple[str, str], Path] = {}
        if self.path is None or not self.path.exists():
            return found
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError, KeyError, TypeError):  # a line that a kill cut off
                told = json.loads(line)
                made = self.root / str(told["made"])
                if made.is_file() and not made.is_symlink():
                    found[str(told["picture"]), str(told["sha"])] = made
        return found
