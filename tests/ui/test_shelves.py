"""The model shelf of the page, against sites on this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lorabake.core.errors import ModelFileError
from lorabake.core.secrets import keys_path
from lorabake.core.workspace import Workspace
from lorabake.engine.shelf import KNOWN
from lorabake.ui import shelves
from lorabake.ui.place import Place, open_place
from tests.engine.hub_server import Site, serving
from tests.engine.shelves import LORA, VAE, safetensors

KEY = "hf_s3cr3tK3y"
FILE = "hf:org/repo/vae.safetensors"
DATA = safetensors(VAE | {"quant_conv.weight": (1024, 1024)}, fill=7)  # 2 MiB
WAIT = 60.0  # seconds


@pytest.fixture
def place(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("LORABAKE_CONFIG", str(tmp_path / "config"))
    return open_place(Workspace.open(workspace))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("LORABAKE_ALLOW_LOCAL_HTTP", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with serving() as site:
        monkeypatch.setenv("HF_ENDPOINT", site.hub)
        monkeypatch.setenv("CIVITAI_ENDPOINT", site.hub)
        site.put("org/repo", "vae.safetensors", DATA)
        yield site


def download_when(state: str) -> dict[str, Any]:
    """The only download as soon as it stands like that."""
    shelf = shelf_when(lambda shelf: [row["state"] for row in shelf["downloads"]] == [state])
    return dict(shelf["downloads"][0])


def shelf_when(ready: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The shelf as soon as it is so, as the page asks for it again and again."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        shelf = shelves.lb_shelf({})
        assert "error" not in shelf, shelf
        if not shelf["looking"] and ready(shelf):
            return dict(shelf)
        time.sleep(0.05)
    raise AssertionError(json.dumps(shelf, indent=1)[:3000])


def test_models_are_shown_with_what_they_are(place: Place) -> None:
    (place.workspace.models_dir / "my.vae.safetensors").write_bytes(DATA)
    (place.workspace.models_dir / "old.ckpt").write_bytes(b"\x80" * 2 * 2**20)
    (place.workspace.models_dir / "kafka.safetensors").write_bytes(safetensors(LORA))
    shelf = shelf_when(lambda shelf: bool(shelf["models"]))
    models = {model["name"]: model for model in shelf["models"]}
    assert models["my.vae.safetensors"]["kind"] == "VAE"
    assert models["my.vae.safetensors"]["usable"]
    assert models["my.vae.safetensors"]["where"] == "workspace"
    assert not models["old.ckpt"]["usable"]
    assert len(models["old.ckpt"]["problem"]) > 20
    assert "kafka.safetensors" not in models, "a LoRA is no model to choose here"
    (place.workspace.models_dir / "old.ckpt").unlink()
    shelves.lb_look({"refresh": True})
    shelf_when(lambda shelf: len(shelf["models"]) == 1)


def test_a_download_comes_and_is_on_the_shelf(place: Place, site: Site) -> None:
    assert "error" not in shelves.lb_download({"spec": "org/repo/vae.safetensors"})
    row = download_when("finished")
    assert (row["spec"], row["file"], row["resume"]) == (FILE, "vae.safetensors", False)
    shelves.lb_look({})
    shelf_when(lambda shelf: [m["name"] for m in shelf["models"]] == ["vae.safetensors"])
    assert (place.workspace.models_dir / "vae.safetensors").read_bytes() == DATA
    assert shelves.lb_download_forget({"name": row["name"]}) == {}
    assert shelves.lb_shelf({})["downloads"] == []


def test_a_cancelled_download_goes_on(place: Place, site: Site) -> None:
    site.chunk, site.pause = 64 * 1024, 0.1
    assert "error" not in shelves.lb_download({"spec": FILE})
    begun = shelf_when(lambda shelf: any(row["done"] > 0 for row in shelf["downloads"]))
    (row,) = begun["downloads"]
    assert shelves.lb_download_stop({"name": row["name"]}) == {}
    row = download_when("stopped")
    assert row["resume"]
    site.pause = 0.0
    assert shelves.lb_download_resume({"name": row["name"]}) == {}
    download_when("finished")
    assert any("range" in map(str.lower, request.headers) for request in site.gets("vae"))


def test_keys_are_kept_and_never_shown(place: Place) -> None:
    assert shelves.lb_shelf({})["keys"] == {"huggingface": False, "civitai": False}
    assert shelves.lb_key({"service": "huggingface", "key": KEY}) == {"known": True}
    shelf = shelf_when(lambda shelf: shelf["keys"]["huggingface"])
    assert KEY not in json.dumps(shelf)
    assert keys_path().stat().st_mode & 0o077 == 0
    wrong = shelves.lb_key({"service": "civitai", "key": f"two words {KEY}"})
    assert KEY not in wrong["error"]
    assert "error" in shelves.lb_key({"service": "elsewhere", "key": KEY})
    assert shelves.lb_key({"service": "huggingface", "key": ""}) == {"known": False}


@pytest.mark.parametrize(
    ("typed", "spec"),
    [
        ("290640", "civitai:290640"),
        (" org/repo/a.safetensors ", "hf:org/repo/a.safetensors"),
        ("hf:org/repo/a.safetensors@v1", "hf:org/repo/a.safetensors@v1"),
        (
            "https://huggingface.co/org/repo/blob/main/a/b.safetensors",
            "hf:org/repo/a/b.safetensors",
        ),
        (
            "https://huggingface.co/org/repo/resolve/v1/a.safetensors?download=true",
            "hf:org/repo/a.safetensors@v1",
        ),
        ("https://civitai.com/models/1/x?modelVersionId=290640&a=b", "civitai:290640"),
        ("https://civitai.com/api/download/models/290640?type=Model", "civitai:290640"),
        *((model.name, model.name) for model in KNOWN[:2]),
    ],
)
def test_what_people_copy_is_understood(typed: str, spec: str) -> None:
    assert shelves.spec_text(typed) == spec


@pytest.mark.parametrize(
    "typed", ["", "  ", "https://huggingface.co/org/repo", "https://civitai.com/models/257749/pony"]
)
def test_addresses_of_pages_are_explained(typed: str) -> None:
    with pytest.raises(ModelFileError):
        shelves.spec_text(typed)


@pytest.mark.parametrize(
    "spec",
    ["/etc/passwd", "hf:../../x/y.safetensors", "https://example.org/a.safetensors", "x" * 900],
)
def test_nothing_else_is_fetched(place: Place, site: Site, spec: str) -> None:
    assert len(shelves.lb_download({"spec": spec})["error"]) > 20
    assert site.requests == []


@pytest.mark.parametrize("name", ["", "..", "../x", "nothing"])
def test_downloads_are_named_not_placed(place: Place, name: str) -> None:
    for call in (
        shelves.lb_download_stop,
        shelves.lb_download_resume,
        shelves.lb_download_forget,
    ):
        assert "error" in call({"name": name})
