"""Keys are for their owner's eyes, and not even for those unless asked."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest

from lorabake.core.errors import WorkspaceError
from lorabake.core.secrets import MAX_KEY, Secret, keys_path, read_key, write_key

KEY = "hf_AbC123"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LORABAKE_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


def test_a_key_is_kept_and_forgotten(config: Path) -> None:
    assert read_key("huggingface") is None
    write_key("huggingface", f"  {KEY}\n")
    write_key("civitai", "other")
    key = read_key("huggingface")
    assert key is not None
    assert key.reveal() == KEY
    write_key("huggingface", "")
    assert read_key("huggingface") is None
    assert [path.name for path in config.iterdir()] == ["keys.json"]


@pytest.mark.skipif(os.name != "posix", reason="Windows protects the user's folder instead")
def test_nobody_else_can_read_the_file() -> None:
    old = os.umask(0)
    try:
        write_key("civitai", KEY)
    finally:
        os.umask(old)
    assert keys_path().stat().st_mode & 0o777 == 0o600
    keys_path().chmod(0o644)
    read_key("civitai")
    assert keys_path().stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["two words", "käse", "a\nb", "x" * (MAX_KEY + 1), "a\0b"])
def test_what_cannot_be_a_key_is_refused_without_saying_it(text: str) -> None:
    with pytest.raises(WorkspaceError) as refused:
        write_key("civitai", text)
    assert text not in str(refused.value)


def test_there_are_keys_for_known_sites_only() -> None:
    with pytest.raises(WorkspaceError, match="huggingface, civitai, gelbooru"):
        read_key("../../etc/passwd")


@pytest.mark.parametrize("text", ["{", "[]", f'{{"civitai": {KEY}'])
def test_a_damaged_file_says_so_without_its_content(text: str, config: Path) -> None:
    config.mkdir()
    (config / "keys.json").write_text(text, encoding="utf-8")
    with pytest.raises(WorkspaceError, match="damaged") as refused:
        read_key("civitai")
    assert KEY not in str(refused.value)


def test_a_secret_cannot_be_written_down_by_accident() -> None:
    secret = Secret(KEY)
    assert KEY not in f"{secret}{secret!r}{json.dumps({'key': secret}, default=str)}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
