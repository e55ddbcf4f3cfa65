"""Downloads, against servers of our own: what people ask for, and what sites do to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lorabake.core.errors import JobError, LorabakeError, ModelFileError, NetworkError, Stopped
from lorabake.core.http import Web
from lorabake.core.secrets import Secret, write_key
from lorabake.core.workspace import Workspace
from lorabake.engine.shelf import KNOWN, add_folder, find_models
from lorabake.engine.shelf.download import download
from lorabake.engine.shelf.jobs import (
    downloads,
    forget_download,
    resume_download,
    start_download,
    stop_download,
)
from lorabake.engine.shelf.sources import Spec, parse_spec
from tests.engine.hub_server import Site, serving
from tests.engine.shelves import (
    LORA,
    ONNX,
    TAGS,
    UPSCALER,
    VAE,
    Shapes,
    safetensors,
    write,
)

KEY = "hf_s3cr3tK3y"
SPEC = "hf:org/repo/vae.safetensors"
BIG: Shapes = VAE | {"quant_conv.weight": (1024, 1024)}  # 2 MiB
DATA = safetensors(BIG, fill=7)


@pytest.fixture
def space(workspace: Path) -> Workspace:
    return Workspace.open(workspace)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("LORABAKE_ALLOW_LOCAL_HTTP", "1")
    monkeypatch.setenv("LORABAKE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with serving() as site:
        monkeypatch.setenv("HF_ENDPOINT", site.hub)
        monkeypatch.setenv("CIVITAI_ENDPOINT", site.hub)
        site.put("org/repo", "vae.safetensors", DATA)
        yield site


def get(space: Workspace, text: str = SPEC, **options: Any) -> Path:
    web = Web(timeout=(5.0, 1.5), backoff=0.01)
    return download(space, parse_spec(text), web=web, **options)


def left_over(space: Workspace) -> list[str]:
    return sorted(path.name for path in space.models_dir.rglob("*") if path.is_file())


# --- what can be asked for -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "", "hf:", "hf:org", "hf:org/repo", "hf:org/repo/", "hf:../../etc/passwd.safetensors",
        "hf:org/repo/../x.safetensors", "hf:org/repo/a.ckpt", "hf:org/repo/a.pt", "hf:org/repo/x.exe",
        "hf:org/repo/a.safetensors@../main", "hf:o rg/repo/a.safetensors", "hf:org/re?po/a.safetensors",
        "hf:org/repo/.hidden.safetensors", "hf:org/repo/a\n.safetensors", "hf:" + "a/" * 500,
        "civitai:", "civitai:abc", "civitai:-1", "civitai:1/../../x", "civitai:" + "9" * 50, "civitai:٣",
        "https://example.org/x.safetensors", "/etc/passwd", "no-such-model", "nai-anime-v1",
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_refused_before_anything_is_sent(text: str) -> None:
    with pytest.raises(ModelFileError):
        parse_spec(text)


@pytest.mark.parametrize("model", [m for m in KNOWN if m.can_download], ids=lambda m: m.name)
def test_known_models_can_be_asked_for_by_name(model: Any) -> None:
    spec = parse_spec(model.name.upper())
    assert (spec.repo, spec.files, spec.kinds) == (model.repo, model.files, (model.kind,))


# --- Hugging Face --------------------------------------------------------------------------------


def test_a_file_comes_into_the_models_folder(space: Workspace, site: Site) -> None:
    seen: list[tuple[int, int | None]] = []
    path = get(space, on_progress=lambda done, total: seen.append((done, total)))
    assert path == space.models_dir / "vae.safetensors"
    assert path.read_bytes() == DATA
    assert seen[-1] == (len(DATA), len(DATA))
    assert left_over(space) == ["vae.safetensors"]
    (model,) = find_models(space)
    assert model.kind == "vae"
    assert model.short_hash, "its hash is known for certain"


def test_nothing_is_fetched_twice(space: Workspace, site: Site, tmp_path: Path) -> None:
    get(space)
    before = len(site.gets())
    get(space)
    assert len(site.gets()) == before
    (space.models_dir / "vae.safetensors").unlink()
    elsewhere = write(tmp_path / "other program" / "named differently.safetensors", DATA)
    add_folder(space, elsewhere.parent)
    find_models(space)
    assert get(space) == elsewhere
    assert len(site.gets()) == before
    assert left_over(space) == []


def test_another_file_of_that_name_is_left_alone(space: Workspace, site: Site) -> None:
    write(space.models_dir / "vae.safetensors", b"mine")
    with pytest.raises(ModelFileError, match="already another"):
        get(space)
    assert (space.models_dir / "vae.safetensors").read_bytes() == b"mine"


def test_a_plain_name_gets_its_repositorys(space: Workspace, site: Site) -> None:
    site.put("org/sdxl-vae", "vae/diffusion_pytorch_model.safetensors", DATA)
    path = get(space, "hf:org/sdxl-vae/vae/diffusion_pytorch_model.safetensors")
    assert path.name == "sdxl-vae-vae-diffusion_pytorch_model.safetensors"


def test_a_tagger_is_a_folder(space: Workspace, site: Site) -> None:
    site.put("SmilingWolf/wd-vit-tagger-v3", "model.onnx", ONNX)
    site.put("SmilingWolf/wd-vit-tagger-v3", "selected_tags.csv", TAGS)
    folder = get(space, "wd-vit-tagger-v3")
    assert folder == space.models_dir / "wd-vit-tagger-v3"
    assert (folder / "selected_tags.csv").read_bytes() == TAGS
    assert [(model.name, model.kind) for model in find_models(space)] == [
        ("wd-vit-tagger-v3", "tagger")
    ]


def test_a_small_file_is_checked_as_git_knows_it(space: Workspace, site: Site) -> None:
    site.put("org/tagger", "selected_tags.csv", TAGS)
    site.misbehave("wrong")
    with pytest.raises(NetworkError, match="hash differs"):
        get(space, "hf:org/tagger/selected_tags.csv")
    assert left_over(space) == []


def test_a_known_model_that_changed_is_not_taken(space: Workspace, site: Site) -> None:
    site.put("Kim2091/AnimeSharp", "4x-AnimeSharp.safetensors", safetensors(UPSCALER))
    with pytest.raises(NetworkError, match="its hash has changed"):
        get(space, "4x-animesharp")
    assert not site.gets()


@pytest.mark.parametrize(
    ("tensors", "kinds", "says"),
    [
        (LORA, ("checkpoint",), "LoRA .* instead of checkpoint"),
        (VAE, ("upscaler",), "VAE instead of upscaler"),
    ],
)
def test_what_is_something_else_is_removed(
    tensors: Shapes, kinds: tuple[str, ...], says: str, space: Workspace, site: Site
) -> None:
    site.put("org/repo", "x.safetensors", safetensors(tensors))
    spec = Spec("x", "huggingface", kinds=kinds, repo="org/repo", files=("x.safetensors",))
    with pytest.raises(ModelFileError, match=says) as refused:
        download(space, spec)
    assert "removed" in str(refused.value)
    assert ".part" not in str(refused.value)
    assert left_over(space) == []


@pytest.mark.parametrize(
    "data", [b"<!DOCTYPE html><html></html>", b"PK\x03\x04" + b"\0" * 99, DATA[:-5], b""]
)
def test_what_is_no_model_is_removed(data: bytes, space: Workspace, site: Site) -> None:
    site.put("org/repo", "x.safetensors", data)
    with pytest.raises(LorabakeError):
        get(space, "hf:org/repo/x.safetensors")
    assert left_over(space) == []


def test_a_key_is_used_and_never_seen_again(space: Workspace, site: Site) -> None:
    site.wanted_key = KEY
    with pytest.raises(NetworkError, match="terms accepted"):
        get(space)
    write_key("huggingface", KEY)
    assert get(space).read_bytes() == DATA
    files = int(site.files.rpartition(":")[2])
    for request in site.requests:
        assert KEY not in request.path
        if request.port == files:
            assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hf:no/body/x.safetensors", "There is no no/body"),
        ("hf:org/repo/none.safetensors", "has no file none.safetensors"),
    ],
)
def test_what_is_not_there(text: str, says: str, space: Workspace, site: Site) -> None:
    with pytest.raises(NetworkError, match=says):
        get(space, text)


# --- Civitai -------------------------------------------------------------------------------------


def version(site: Site, data: bytes = DATA, **changes: Any) -> dict[str, Any]:
    sha256 = site.put("civitai", "7", data)
    file = {
        "name": "anime VAE.safetensors",
        "type": "Model",
        "primary": True,
        "pickleScanResult": "Success",
        "virusScanResult": "Success",
        "hashes": {"SHA256": sha256.upper()},
        "downloadUrl": f"{site.hub}/api/download/models/7",
    } | changes
    told = {"id": 7, "model": {"name": "x", "type": "VAE"}, "files": [file]}
    site.versions["7"] = told
    return told


def test_a_version_comes_from_civitai(space: Workspace, site: Site) -> None:
    version(site)
    site.wanted_key = KEY
    with pytest.raises(NetworkError, match="models key civitai"):
        get(space, "civitai:7")
    path = get(space, "civitai:7", token=Secret(KEY))
    assert path.name == "anime VAE.safetensors"
    assert path.read_bytes() == DATA
    assert all("authorization" not in request.headers for request in site.gets("/blob/"))


def test_the_main_clean_safetensors_is_taken(space: Workspace, site: Site) -> None:
    told = version(site)
    good = told["files"][0]
    told["files"] = [
        good | {"name": "x.ckpt"},
        good | {"name": "dangerous.safetensors", "pickleScanResult": "Danger"},
        good | {"name": "second.safetensors", "primary": False},
        good,
    ]
    assert get(space, "civitai:7").name == "anime VAE.safetensors"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "x.ckpt"}, "no .safetensors file"),
        ({"virusScanResult": "Pending"}, "not found version 7 clean"),
        ({"hashes": {}}, "gives no hash"),
        ({"hashes": None}, "gives no hash"),
    ],
)
def test_versions_that_are_not_taken(
    changes: dict[str, Any], says: str, space: Workspace, site: Site
) -> None:
    version(site, **changes)
    with pytest.raises(LorabakeError, match=says):
        get(space, "civitai:7")
    assert not site.gets("/download/")


@pytest.mark.parametrize("told", [[], None, {}, {"model": 3, "files": "x"}, "x"])
def test_nonsense_from_the_site(told: Any, space: Workspace, site: Site) -> None:
    site.versions["7"] = told
    with pytest.raises(LorabakeError):
        get(space, "civitai:7")


def test_a_download_address_of_another_site_is_not_used(space: Workspace, site: Site) -> None:
    version(site, downloadUrl="https://evil.example/api/download/models/7")
    assert get(space, "civitai:7").read_bytes() == DATA


@pytest.mark.parametrize("plan", ["to private", "to metadata", "to plain", "in circles"])
def test_where_it_is_passed_on_to_is_checked(plan: str, space: Workspace, site: Site) -> None:
    version(site)
    site.misbehave(plan)
    with pytest.raises(NetworkError) as refused:
        get(space, "civitai:7", token=Secret(KEY))
    assert KEY not in str(refused.value)
    assert left_over(space) in ([], [".anime VAE.safetensors.part.json"])


def test_a_name_that_wants_out_of_the_folder(space: Workspace, site: Site) -> None:
    version(site, name="../../../evil.safetensors")
    path = get(space, "civitai:7")
    assert path.parent == space.models_dir


# --- stop, kill, go on ---------------------------------------------------------------------------


def test_a_stopped_download_goes_on(space: Workspace, site: Site) -> None:
    part = space.models_dir / ".vae.safetensors.part"
    with pytest.raises(Stopped):
        get_stoppable(space, lambda: part.exists() and part.stat().st_size > 0)
    have = part.stat().st_size
    assert find_models(space) == [], "half a model is no model"
    assert get(space).read_bytes() == DATA
    assert set(site.ranges()) == {f"bytes={have}-"}


def test_two_sources_of_one_name_do_not_mix(space: Workspace, site: Site) -> None:
    from concurrent.futures import ThreadPoolExecutor

    version(site, safetensors(BIG, fill=9), name="vae.safetensors")
    site.chunk, site.pause = 64 * 1024, 0.06
    with ThreadPoolExecutor() as pool:
        first = pool.submit(get, space)
        until_something_came(space)
        with pytest.raises(JobError, match="being downloaded already"):
            get(space, "civitai:7")
        assert first.result().read_bytes() == DATA


def get_stoppable(space: Workspace, should_stop: Callable[[], bool]) -> Path:
    return download(space, parse_spec(SPEC), should_stop=should_stop)


def test_the_power_goes_and_it_goes_on(
    space: Workspace, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    command = [sys.executable, "-m", "lorabake", "models", "get", SPEC, "--json"]
    killed = subprocess.run(
        command, env={**os.environ, "LORABAKE_FAULT": "fetched"}, capture_output=True, check=False
    )
    assert killed.returncode == 137
    (view,) = downloads(space)
    assert (view.state, view.can_resume) == ("interrupted", True)
    have = (space.models_dir / ".vae.safetensors.part").stat().st_size
    assert 0 < have < len(DATA)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    path = Path(json.loads(done.stdout)["path"])
    assert path.read_bytes() == DATA
    assert set(site.ranges()) == {f"bytes={have}-"}
    assert left_over(space) == ["vae.safetensors"]


def until(space: Workspace, *states: str) -> Any:
    end = time.monotonic() + 60
    while True:
        (view,) = downloads(space)
        if view.state in states:
            return view
        assert time.monotonic() < end, view
        time.sleep(0.05)


def test_a_download_of_the_page_is_a_process_of_its_own(
    space: Workspace, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started, stopped, resumed, killed, resumed, done, forgotten; offline as the page is."""
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    site.wanted_key = KEY
    write_key("huggingface", KEY)
    site.chunk, site.pause = 64 * 1024, 0.1
    folder = start_download(space, SPEC)
    until_something_came(space)
    assert start_download(space, SPEC) == folder, "asking twice is asking once"
    (view,) = downloads(space)
    assert view.total_mib == pytest.approx(len(DATA) / 2**20, abs=0.1)
    stop_download(space, view.name)
    until(space, "stopped")
    resume_download(space, view.name)
    until(space, "running")
    until_something_came(space)
    process = json.loads((folder / "process.json").read_text(encoding="utf-8"))
    os.kill(process["pid"], signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    until(space, "interrupted")
    site.pause = 0
    resume_download(space, view.name)
    view = until(space, "finished")
    assert view.file == "vae.safetensors"
    assert view.done_mib == view.total_mib
    assert (space.models_dir / "vae.safetensors").read_bytes() == DATA
    assert site.ranges()
    for path in folder.rglob("*"):
        assert KEY.encode() not in path.read_bytes(), path
    forget_download(space, view.name)
    assert downloads(space) == []


def until_something_came(space: Workspace) -> None:
    part = space.models_dir / ".vae.safetensors.part"
    end = time.monotonic() + 60
    before = part.stat().st_size if part.exists() else 0
    while not part.exists() or part.stat().st_size <= before:
        assert time.monotonic() < end, downloads(space)
        time.sleep(0.02)


def test_a_failure_is_a_sentence_in_the_list(space: Workspace, site: Site) -> None:
    start_download(space, "hf:org/repo/none.safetensors")
    view = until(space, "failed")
    assert view.error.startswith("org/repo has no file none.safetensors")
