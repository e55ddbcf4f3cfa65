"""A verb of the command line within this process: for what is refused before anything is done, and
for verbs that are quick themselves, so that starting Python is not most of the test."""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

import pytest

from lorabake.cli import main


def refused(
    arguments: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> tuple[object, str]:
    """(exit code, what stands on stderr) of `lorabake ARGUMENTS`."""
    code, captured = _called(arguments, monkeypatch, capsys)
    return code, captured.err


def answered(
    arguments: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> dict[str, Any]:
    """The answer of `lorabake ARGUMENTS --json`."""
    code, captured = _called((*arguments, "--json"), monkeypatch, capsys)
    assert code in (0, None), captured.err
    answer: dict[str, Any] = json.loads(captured.out)
    return answer


def _called(
    arguments: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> tuple[object, Any]:
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["lorabake", *map(str, arguments)])
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as end:
            main()
    finally:
        signal.signal(signal.SIGINT, before)  # verbs that take long hear it themselves
    return end.value.code, capsys.readouterr()
