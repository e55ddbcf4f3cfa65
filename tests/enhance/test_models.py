"""Which upscalers are found, and which files are refused before or while they are opened."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from lorabake.core.errors import ModelFileError
from lorabake.core.workspace import Workspace
from lorabake.engine import picture_model
from lorabake.engine.device import DeviceInfo
from lorabake.enhance.models import Upscaler, check_file, resolve_upscaler, upscalers
from lorabake.enhance.network import load_network
from tests.enhance.models import save_pth, save_safetensors, tiny_esrgan

CPU = DeviceInfo("cpu", "CPU", 0)


def test_found_in_the_workspace_and_where_other_programs_keep_them(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = Workspace.open(workspace)
    network = tiny_esrgan(4)
    webui, comfy = tmp_path / "stable-diffusion-webui", tmp_path / "ComfyUI"
    save_pth(network, space.models_dir / "upscalers" / "4x-Own.pth")
    save_safetensors(network, space.models_dir / "upscalers" / "more" / "2x_Own.safetensors")
    save_pth(network, webui / "models" / "ESRGAN" / "4x-Web.pth")
    save_pth(network, webui / "models" / "Stable-diffusion" / "not-an-upscaler.pth")
    save_pth(network, comfy / "models" / "upscale_models" / "4x-Own.pth")
    save_safetensors(network, comfy / "models" / "upscale_models" / "1x-Comfy.safetensors")
    assert {one.name for one in upscalers(space)} == {"4x-Own.pth", "2x_Own.safetensors"}
    monkeypatch.setenv("LORABAKE_MODEL_FOLDERS", f"{webui}:{comfy}")
    found = {one.name: one for one in upscalers(space, look=True)}
    assert set(found) == {
        "4x-Own.pth",
        "2x_Own.safetensors",
        "4x-Web.pth",
        "1x-Comfy.safetensors",
        f"4x-Own.pth ({found['1x-Comfy.safetensors'].where})",
    }
    assert upscalers(space) == list(found.values()), "the last look is remembered"
    assert found["2x_Own.safetensors"].likely_scale == 2
    assert resolve_upscaler(space, "4x-own").path == found["4x-Own.pth"].path
    assert resolve_upscaler(space, "4x-web.pth").path.parent.name == "ESRGAN"


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("4x-AnimeSharp.pth", 4),
        ("1x_ReFocus_Cleanly_100000_G.pth", 1),
        ("RealESRGAN_x4plus_anime_6B.pth", 4),
        ("SPAN_x2.safetensors", 2),
        ("2x-sudo-RealESRGAN.pth", 2),
        ("16x16.pth", None),
        ("Anime.pth", None),
    ],
)
def test_what_a_name_says_of_the_scale(name: str, scale: int | None) -> None:
    assert Upscaler(name, Path(name), "workspace", 0).likely_scale == scale


def test_a_name_that_is_not_there_is_answered_with_those_that_are(space: Workspace) -> None:
    with pytest.raises(ModelFileError, match=r"4x-Tiny\.pth"):
        resolve_upscaler(space, "4x-Tini.pth")
    for name in ("/etc/passwd", "~nobody-here/x.pth", "x" * 390, "\0"):
        with pytest.raises(ModelFileError):
            resolve_upscaler(space, name, paths_allowed=True)


def test_an_empty_shelf_says_where_to_put_one(workspace: Path, tmp_path: Path) -> None:
    space = Workspace.open(workspace)
    with pytest.raises(ModelFileError, match=r"models.upscalers, or choose Lanczos"):
        resolve_upscaler(space, "4x-AnimeSharp")
    path = save_pth(tiny_esrgan(2), tmp_path / "elsewhere.pth")
    with pytest.raises(ModelFileError):
        resolve_upscaler(space, str(path))
    assert resolve_upscaler(space, str(path), paths_allowed=True).path == path


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.pt", b"PK\x03\x04", "can run programs"),
        ("a.ckpt", b"\x80\x02", "can run programs"),
        ("a.onnx", b"\x08", "no model"),
        ("a.pth", b"<!DOCTYPE html>", "needs a login"),
        ("a.pth", b"version https://git-lfs.github.com/spec/v1", "Download it again"),
        ("a.pth", b"", "damaged"),
        ("a.pth", b"\0" * 99, "damaged"),
        ("a.safetensors", b"<html>", "web page"),
        ("a.safetensors", b"\xff" * 99, "is not a safetensors file"),
    ],
)
def test_refused_without_a_library(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=reason) as refused:
        check_file(path)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


class Program:
    """What a pickle can do to somebody who opens it."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> object:
        return Path.touch, (self.target,)


class Script(torch.nn.Module):
    """A TorchScript program with the tensors of a model."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = tiny_esrgan(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def malicious_zip(path: Path, target: Path) -> None:
    torch.save({"weights": torch.zeros(1), "more": Program(target)}, path)


def malicious_old(path: Path, target: Path) -> None:
    torch.save({"more": Program(target)}, path, _use_new_zipfile_serialization=False)


def malicious_bare(path: Path, target: Path) -> None:
    path.write_bytes(pickle.dumps(Program(target)))


def script(path: Path, target: Path) -> None:
    traced = torch.jit.trace(Script(), torch.zeros(1, 3, 8, 8))
    torch.jit.save(traced, str(path))


@pytest.mark.parametrize("make", [malicious_zip, malicious_old, malicious_bare, script])
def test_a_program_in_a_pth_is_refused_and_does_not_run(tmp_path: Path, make) -> None:  # type: ignore[no-untyped-def]
    path, target = tmp_path / "4x-Evil.pth", tmp_path / "was-run"
    make(path, target)
    with pytest.raises(ModelFileError, match=r"4x-Evil\.pth holds more than numbers") as refused:
        load_network(path, CPU)
    assert "\n" not in str(refused.value)
    assert not target.exists()


def test_an_archive_packed_a_thousandfold_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_pth(tiny_esrgan(2), tmp_path / "bomb.pth")
    load_network(path, CPU)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{archive.namelist()[0].partition('/')[0]}/data/zeros", bytes(8 * 2**20))
    monkeypatch.setattr(picture_model, "MAX_UNPACKED", 8 * 2**20)
    assert path.stat().st_size < 2**20
    with pytest.raises(ModelFileError, match=r"bomb\.pth is made to unpack to 0\.0 GB"):
        load_network(path, CPU)


def test_models_of_another_purpose_are_a_sentence(tmp_path: Path) -> None:
    unknown = save_pth(torch.nn.Linear(3, 3), tmp_path / "linear.pth")
    with pytest.raises(ModelFileError, match="design that is not known here"):
        load_network(unknown, CPU)
    four = save_pth(tiny_esrgan(2, channels=4), tmp_path / "rgba.pth")
    with pytest.raises(ModelFileError, match="4 channels, not RGB"):
        load_network(four, CPU)
    cut_off = tmp_path / "cut.pth"
    cut_off.write_bytes(four.read_bytes()[:3000])
    with pytest.raises(ModelFileError, match=r"cut\.pth is damaged"):
        load_network(cut_off, CPU)
    listed = tmp_path / "list.pth"
    torch.save([torch.zeros(1)], listed)
    with pytest.raises(ModelFileError, match=r"list\.pth"):
        load_network(listed, CPU)
