"""A verb of the command line within this process: for what is refused before anything is done."""

from __future__ import annotations

import signal
import sys

import pytest

from lorabake.cli import main


def refused(
    arguments: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> tuple[object, str]:
    """(exit code, what stands on stderr) of `lorabake ARGUMENTS`."""
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["lorabake", *map(str, arguments)])
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as end:
            main()
    finally:
        signal.signal(signal.SIGINT, before)  # verbs that take long hear it themselves
    return end.value.code, capsys.readouterr().err
