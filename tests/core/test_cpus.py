"""A container with two processors of a large machine must not start as many threads as that has."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lorabake.core.cpus import SPACE_VARIABLE, cpu_count


@pytest.fixture(autouse=True)
def large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SPACE_VARIABLE, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(48)), raising=False)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the affinity")
def test_affinity(tmp_path: Path) -> None:
    assert cpu_count(tmp_path) == 48


@pytest.mark.parametrize(
    ("text", "count"),
    [("200000 100000\n", 2), ("150000 100000", 2), ("50000 100000", 1), ("6400000 100000", 48)],
)
def test_quota_of_version_2(tmp_path: Path, text: str, count: int) -> None:
    (tmp_path / "cpu.max").write_text(text, encoding="ascii")
    assert cpu_count(tmp_path) == count


@pytest.mark.parametrize("text", ["max 100000", "", "damaged", "0 0", "-1 100000"])
def test_no_quota(tmp_path: Path, text: str) -> None:
    (tmp_path / "cpu.max").write_text(text, encoding="ascii")
    assert cpu_count(tmp_path) == 48


def test_quota_of_version_1(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    for name, text in (("quota", "400000"), ("period", "100000")):
        (tmp_path / "cpu" / f"cpu.cfs_{name}_us").write_text(text, encoding="ascii")
    assert cpu_count(tmp_path) == 4
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1", encoding="ascii")
    assert cpu_count(tmp_path) == 48


@pytest.mark.parametrize(("said", "count"), [("2", 2), ("8.0", 8), ("0", 48), ("", 48), ("a", 48)])
def test_what_a_space_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, count: int
) -> None:
    monkeypatch.setenv(SPACE_VARIABLE, said)
    assert cpu_count(tmp_path) == count


def test_at_least_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cpu_count(tmp_path) == 1
