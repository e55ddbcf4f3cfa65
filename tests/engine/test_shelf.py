"""The model shelf: what is found where, under which name, and how quickly."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path

import pytest

from lorabake.core.errors import WorkspaceError
from lorabake.core.workspace import Workspace
from lorabake.engine.shelf import (
    KNOWN,
    add_folder,
    added_folders,
    find_models,
    hash_of,
    places,
    remembered_models,
    remove_folder,
)
from lorabake.recipe.models import SHIPPED
from tests.engine.shelves import FLUX, LORA, UPSCALER, VAE, safetensors, write, write_tagger

VAE_FILE = safetensors(VAE)
PRACTICE = SHIPPED["practice"]


@pytest.fixture
def space(workspace: Path) -> Workspace:
    return Workspace.open(workspace)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A computer of somebody who has other programs."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("LORABAKE_LOOK_ELSEWHERE", "1")
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    return home


def found(space: Workspace, **options: object) -> dict[str, tuple[str, str]]:
    return {model.name: (model.kind, model.where) for model in find_models(space, **options)}  # type: ignore[arg-type]


def test_other_programs_are_found_where_people_put_them(space: Workspace, home: Path) -> None:
    data = VAE_FILE
    write(home / "stable-diffusion-webui/models/Stable-diffusion/anime/a1.safetensors", data)
    write(home / "stable-diffusion-webui/models/ESRGAN/4x.pth", b"\x80\x02" * 10)
    write(home / "AI/stable-diffusion-webui-forge/models/VAE/forge.safetensors", data)
    (home / "AI/stable-diffusion-webui-forge/models/Stable-diffusion").mkdir()
    write(home / "Documents/ComfyUI/models/vae/comfy.safetensors", data)
    write(home / "Documents/ComfyUI/models/upscale_models/up.safetensors", safetensors(UPSCALER))
    (home / "Documents/ComfyUI/models/checkpoints").mkdir()
    write_tagger(home / "kohya_ss/wd14_tagger_model/wd-vit")
    write(home / "kohya_ss/models/kohya.safetensors", data)
    write(home / "StabilityMatrix/Data/Models/VAE/matrix.safetensors", data)
    (home / "StabilityMatrix/Data/Models/StableDiffusion").mkdir()
    write(space.models_dir / "mine.safetensors", data)
    assert found(space) == {
        "mine.safetensors": ("vae", "workspace"),
        "a1.safetensors": ("vae", "A1111"),
        "4x.pth": ("upscaler", "A1111"),
        "forge.safetensors": ("vae", "Forge"),
        "comfy.safetensors": ("vae", "ComfyUI"),
        "up.safetensors": ("upscaler", "ComfyUI"),
        "kohya.safetensors": ("vae", "kohya"),
        "wd-vit": ("tagger", "kohya"),
        "matrix.safetensors": ("vae", "StabilityMatrix"),
    }


def test_other_programs_can_be_left_alone(
    space: Workspace, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home / "kohya_ss/models/kohya.safetensors", VAE_FILE)
    monkeypatch.setenv("LORABAKE_LOOK_ELSEWHERE", "0")
    assert found(space) == {}


def test_comfyuis_extra_folders_count(space: Workspace, home: Path) -> None:
    comfy = home / "ComfyUI"
    (comfy / "models/checkpoints").mkdir(parents=True)
    write(home / "big disk/sd/vae/far.safetensors", VAE_FILE)
    write(home / "more/near.safetensors", VAE_FILE)
    (comfy / "extra_model_paths.yaml").write_text(
        f"# my disks\nother:\n    base_path: {home / 'big disk'}\n    vae: sd/vae\n"
        f"    loras: sd\n    checkpoints: |\n        {home / 'more'}\n        nowhere\n",
        encoding="utf-8",
    )
    assert set(found(space)) == {"far.safetensors", "near.safetensors"}


def test_hugging_faces_cache_is_read_through_its_links(space: Workspace, home: Path) -> None:
    hub = home / ".cache/huggingface/hub"
    blob = write(hub / "models--org--vae/blobs/abc", VAE_FILE)
    snapshot = hub / "models--org--vae/snapshots/1234"
    snapshot.mkdir(parents=True)
    (snapshot / "sdxl.vae.safetensors").symlink_to(blob)
    write(hub / "models--org--vae/snapshots/0old/old.safetensors", VAE_FILE)
    write(hub / "models--org--vae/refs/main", b"1234")
    write_tagger(hub / "models--SmilingWolf--wd-vit-tagger-v3/snapshots/77")
    write(hub / "models--org--bert/snapshots/1/pytorch_model.bin", b"\0" * 2**21)
    write(hub / "datasets--org--x/snapshots/1/data.safetensors", VAE_FILE)
    assert found(space) == {
        "sdxl.vae.safetensors": ("vae", "Hugging Face"),
        "wd-vit-tagger-v3": ("tagger", "Hugging Face"),
    }


def test_whole_folders_are_one_model(space: Workspace, tmp_path: Path) -> None:
    add_folder(space, PRACTICE.parent)
    models = [model for model in find_models(space) if model.path == PRACTICE]
    assert [(model.kind, model.family, model.prediction) for model in models] == [
        ("checkpoint", "sdxl", "epsilon")
    ]
    assert models[0].mib > 0.5
    assert models[0].is_base


def test_names_are_told_apart_by_where_they_are(space: Workspace, tmp_path: Path) -> None:
    write(space.models_dir / "anime.safetensors", VAE_FILE)
    for folder in ("one", "two/one", "three"):
        write(tmp_path / folder / "Anime.safetensors", VAE_FILE)
        add_folder(space, tmp_path / folder)
    models = find_models(space)
    assert [model.name for model in models] == [
        "anime.safetensors",
        "Anime.safetensors (one)",
        "Anime.safetensors (one 2)",
        "Anime.safetensors (three)",
    ]
    assert len({model.path for model in models}) == 4


def test_files_that_can_hide_a_program_are_listed_with_the_reason(space: Workspace) -> None:
    write(space.models_dir / "old.ckpt", b"\x80\x02" + b"\0" * 2**20)
    write(space.models_dir / "small.pt", b"\x80\x02")
    (model,) = find_models(space)
    assert (model.name, model.kind) == ("old.ckpt", "refused")
    assert "can hide a program" in model.problem


def test_what_is_no_model_of_ours_says_so(space: Workspace) -> None:
    write(space.models_dir / "page.safetensors", b"<!DOCTYPE html><html>sign in</html>")
    write(space.models_dir / "flux.safetensors", safetensors(FLUX))
    write(space.models_dir / "empty.safetensors", b"")
    models = {model.name: model for model in find_models(space)}
    assert models["page.safetensors"].kind == models["empty.safetensors"].kind == "refused"
    assert "web page" in models["page.safetensors"].problem
    assert "Flux" in models["flux.safetensors"].problem
    assert not any(model.is_base for model in models.values())


def test_loras_are_listed_when_asked_for(space: Workspace) -> None:
    write(space.models_dir / "char.safetensors", safetensors(LORA))
    assert found(space) == {}
    assert found(space, kinds=("lora",)) == {"char.safetensors": ("lora", "workspace")}
    assert found(space, kinds=None) == {"char.safetensors": ("lora", "workspace")}


def test_circles_closed_doors_and_hidden_things(space: Workspace, tmp_path: Path) -> None:
    models = space.models_dir
    write(models / "sub/deep.safetensors", VAE_FILE)
    write(models / ".hidden/x.safetensors", VAE_FILE)
    write(models / "a/b/c/d/e/f/g/too-deep.safetensors", VAE_FILE)
    outside = tmp_path / "outside"
    write(outside / "inside.safetensors", VAE_FILE)
    (models / "sub" / "up").symlink_to(models)
    (models / "self").symlink_to(models / "self")
    (models / "gone.safetensors").symlink_to(tmp_path / "nothing")
    (models / "elsewhere").symlink_to(outside)
    (models / "linked.safetensors").symlink_to(outside / "inside.safetensors")
    closed = models / "closed"
    closed.mkdir()
    closed.chmod(0)
    try:
        assert set(found(space)) == {"deep.safetensors", "linked.safetensors"}
        (outside / "round").symlink_to(outside)
        add_folder(space, outside)
        assert "inside.safetensors" in found(space)
    finally:
        closed.chmod(0o700)


def test_folders_are_added_and_forgotten(space: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "großes Laufwerk"
    with pytest.raises(WorkspaceError, match="There is no folder"):
        add_folder(space, folder)
    folder.mkdir()
    add_folder(space, folder)
    add_folder(space, folder)
    assert added_folders(space) == [folder]
    assert [place.label for place in places(space)] == ["workspace", folder.name]
    remove_folder(space, folder)
    assert added_folders(space) == []
    (space.root / "shelf.json").write_text('{"folders": [1, null]}', encoding="utf-8")
    assert added_folders(space) == []
    (space.root / "shelf.json").write_text("rubbish", encoding="utf-8")
    assert added_folders(space) == []


def test_hashes_are_worked_out_when_asked_for_and_remembered(space: Workspace) -> None:
    write(space.models_dir / "vae.safetensors", VAE_FILE)
    (model,) = find_models(space)
    assert model.short_hash is None
    expected = hashlib.sha256(VAE_FILE).hexdigest()
    assert hash_of(space, model) == expected
    (model,) = find_models(space)
    assert model.sha256 == expected
    assert model.short_hash == expected[:10]
    write(space.models_dir / "vae.safetensors", safetensors(VAE, fill=1))
    os.utime(space.models_dir / "vae.safetensors", (1, 1))
    (model,) = find_models(space)
    assert model.short_hash is None


def test_the_shelf_remembers_and_forgets_what_is_gone(space: Workspace) -> None:
    assert remembered_models(space) == []
    path = write(space.models_dir / "vae.safetensors", VAE_FILE)
    models = find_models(space)
    assert remembered_models(space) == models
    path.unlink()
    assert remembered_models(space) == []
    for text in ("[]", "{", '{"format": 1, "facts": 3, "models": [{"path": 1}, 7]}'):
        (space.cache_dir / "shelf.json").write_text(text, encoding="utf-8")
        assert remembered_models(space) == []
    write(path, VAE_FILE)
    assert find_models(space) == models


def test_a_changed_file_is_looked_into_again(space: Workspace) -> None:
    path = write(space.models_dir / "x.safetensors", VAE_FILE)
    assert found(space) == {"x.safetensors": ("vae", "workspace")}
    write(path, safetensors(UPSCALER))
    assert found(space) == {"x.safetensors": ("upscaler", "workspace")}


@pytest.mark.skipif(sys.platform == "win32", reason="file times of a fresh file are coarse there")
def test_thousands_of_files_are_opened_once(space: Workspace) -> None:
    """2,000 files; the second look opens none of them, which is why it is quick."""
    for number in range(2000):
        write(space.models_dir / f"{number // 100}" / f"{number}.safetensors", VAE_FILE)
    began = time.process_time()
    assert len(find_models(space)) == 2000
    first = time.process_time() - began
    for path in space.models_dir.rglob("*.safetensors"):
        stamp = path.stat()
        path.write_bytes(b"\0" * stamp.st_size)  # same size; whoever opens it would see
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    began = time.process_time()
    assert {model.kind for model in find_models(space)} == {"vae"}
    second = time.process_time() - began
    print(f"first look {first:.2f} s, second {second:.2f} s")  # noqa: T201
    assert second < 3
    assert {model.kind for model in find_models(space, refresh=True)} == {"refused"}


def test_the_list_of_known_models_is_sound() -> None:
    assert len({model.name for model in KNOWN}) == len(KNOWN)
    for model in KNOWN:
        assert model.page.startswith("https://")
        assert model.licence
        assert model.help.endswith(".")
        assert model.kind in ("checkpoint", "vae", "upscaler", "tagger")
        assert model.sha256 is None or (len(model.sha256) == 64 and model.sha256.islower())
        assert all(name.endswith((".safetensors", ".onnx", ".csv")) for name in model.files)
        assert model.can_download == bool(model.repo)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have only names that are text")
def test_a_name_that_is_no_text(space: Workspace) -> None:
    path = Path(os.fsdecode(os.fsencode(space.models_dir) + b"/old-\xff\xfe.safetensors"))
    write(path, VAE_FILE)
    (model,) = find_models(space)
    assert model.path == path
    assert remembered_models(space) == [model]
    assert hash_of(space, model) == hashlib.sha256(VAE_FILE).hexdigest()
