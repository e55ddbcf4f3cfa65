"""What people really drop into a folder: each gets one sentence, and nothing is lost or half-written."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lorabake import cli
from tests.bakes import TINY, draw_dataset
from tests.tiny import tiny_sdxl_folder

Run = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sdxl_folder(tmp_path_factory.mktemp("bad"))


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in this process: exit code, JSON, stderr."""
    monkeypatch.setenv("LORABAKE_WORKSPACE", str(tmp_path / "workspace"))

    def call(*arguments: object) -> tuple[int, dict[str, Any], str]:
        monkeypatch.setattr(sys, "argv", ["lorabake", *map(str, arguments), "--json"])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        code = left.value.code
        return (code if isinstance(code, int) else 0), json.loads(out) if out.strip() else {}, err

    return call


def tiny_settings(base: Path, **changes: Any) -> list[str]:
    settings = {"model.base": base} | TINY | {"epochs": 1} | changes
    return [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]


def one_sentence(stderr: str) -> str:
    """The last line, which must be a remark and never a stack trace."""
    assert "Traceback" not in stderr, stderr
    return stderr.strip().splitlines()[-1]


def odd_pictures(folder: Path) -> dict[str, str]:
    """Write every kind of odd picture; name → a word its sentence must hold ("" = it is used)."""
    folder.mkdir(parents=True)
    plain = Image.effect_noise((64, 64), 90).convert("RGB")
    plain.save(folder / "cmyk-source.png")
    (folder / "cmyk-source.png").unlink()
    plain.convert("CMYK").save(folder / "cmyk.jpg")
    Image.new("I;16", (64, 64), 30000).save(folder / "sixteen-bit.png")
    Image.new("RGBA", (64, 64), (255, 0, 0, 40)).save(folder / "transparent.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    plain.resize((96, 48)).save(folder / "turned.jpg", exif=exif)
    plain.save(
        folder / "animated.gif", save_all=True, append_images=[Image.new("RGB", (64, 64))] * 2
    )
    plain.save(folder / "twin.png")
    plain.save(folder / "twin.jpg")
    plain.save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:700])
    (folder / "corrupt.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 300)
    (folder / "page.jpg").write_text(
        "<!DOCTYPE html><html><body>Please log in</body></html>", encoding="utf-8"
    )
    (folder / "empty.png").write_bytes(b"")
    Image.new("1", (30_000, 3_000)).save(folder / "huge.png")
    for path in sorted(folder.iterdir()):
        (path.with_suffix(".txt")).write_text("ohwx, 1girl", encoding="utf-8")
    (folder / "sixteen-bit.txt").unlink()
    (folder / "transparent.txt").write_text("", encoding="utf-8")
    return {
        "cut.jpg": "cut",
        "corrupt.png": "corrupt",
        "page.jpg": "web page",
        "empty.png": "empty",
        "huge.png": "huge",
        "twin": "twin",
        "sixteen-bit": "sixteen-bit",
        "transparent": "transparent",
    }


def test_a_folder_of_odd_pictures_is_baked_with_what_can_be_used(
    tmp_path: Path, run: Run, base: Path
) -> None:
    data = tmp_path / "data"
    words = odd_pictures(data / "1_ohwx")
    code, counted, _ = run("plan", data, "--recipe", "pdxl", *tiny_settings(base))
    assert code == 0
    told = " ".join(warning["text"] for warning in counted["warnings"])
    for name, word in words.items():
        assert word in told, f"nothing is said about {name}"
    before = {path: path.read_bytes() for path in sorted(data.rglob("*")) if path.is_file()}
    code, baked, stderr = run(
        "train", data, "--recipe", "pdxl", *tiny_settings(base), "--out", tmp_path / "run"
    )
    assert code == 0, stderr
    assert baked["steps"] == counted["total_steps"]
    assert {path: path.read_bytes() for path in before} == before, "training changed the dataset"
    assert all(word in stderr for word in words.values())


def test_an_empty_folder(tmp_path: Path, run: Run, base: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, stderr = run(
        "train", tmp_path / "empty", *tiny_settings(base), "--out", tmp_path / "run"
    )
    assert code == 1
    assert "no pictures" in one_sentence(stderr)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_not_there(tmp_path: Path, run: Run) -> None:
    code, _, stderr = run("plan", tmp_path / "nothing")
    assert code == 1
    assert "There is no folder" in one_sentence(stderr)


def pickle_file(folder: Path) -> Path:
    path = folder / "model.ckpt"
    path.write_bytes(b"\x80\x04\x95" + b"\0" * 64)
    return path


def truncated(folder: Path) -> Path:
    header = json.dumps(
        {"a": {"dtype": "F16", "shape": [4096], "data_offsets": [0, 8192]}}
    ).encode()
    path = folder / "cut.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 100)
    return path


def hostile(folder: Path) -> Path:
    path = folder / "hostile.safetensors"
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    return path


def web_page(folder: Path) -> Path:
    path = folder / "expired.safetensors"
    path.write_text("<!DOCTYPE html><html>gone</html>", encoding="utf-8")
    return path


def lora(folder: Path) -> Path:
    import torch
    from safetensors.torch import save_file

    name = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q"
    path = folder / "kafka.safetensors"
    tensors = {
        f"{name}.lora_down.weight": torch.ones(8, 640),
        f"{name}.lora_up.weight": torch.ones(640, 8),
    }
    save_file(tensors | {f"{name}.alpha": torch.tensor(4.0)}, path)
    return path


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (pickle_file, "never opens one"),
        (truncated, "cut.safetensors"),
        (hostile, "hostile.safetensors"),
        (web_page, "web page"),
        (lora, "LoRA"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_base_model_that_is_none(
    tmp_path: Path, run: Run, make: Callable[[Path], Path], word: str
) -> None:
    data = draw_dataset(tmp_path / "data", [(64, 64)])
    code, _, stderr = run("train", data, *tiny_settings(make(tmp_path)), "--out", tmp_path / "run")
    assert code == 1
    assert word in one_sentence(stderr)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[network]\nnetwrk_dim = 8\n", "network_dim"),
        ("[netwrk]\nnetwork_dim = 8\n", "network"),
        ("[network]\nnetwork_dim = 'big'\n", "whole number"),
        ("a" + ".a" * 20_000 + " = 1\n", "settings file"),
        ("x = " + "[" * 50_000 + "\n", "settings file"),
        ("[network\n", "TOML"),
        ("x" * 70_000, "settings file"),
    ],
    ids=[
        "unknown key",
        "unknown table",
        "wrong type",
        "dotted bomb",
        "nested bomb",
        "syntax",
        "large",
    ],
)
def test_a_settings_file_that_does_not_fit(tmp_path: Path, run: Run, text: str, word: str) -> None:
    data = draw_dataset(tmp_path / "data", [(64, 64)])
    recipe = tmp_path / "mine.toml"
    recipe.write_text(text, encoding="utf-8")
    code, _, stderr = run("plan", data, "--recipe", recipe)
    assert code == 1
    assert word in one_sentence(stderr)


def test_an_unknown_preset_is_answered_with_the_list(tmp_path: Path, run: Run) -> None:
    data = draw_dataset(tmp_path / "data", [(64, 64)])
    code, _, stderr = run("plan", data, "--recipe", "ilustrious")
    assert code == 1
    assert "'illustrious'" in one_sentence(stderr)


def test_a_preset_of_another_family_is_said_not_hidden(tmp_path: Path, run: Run) -> None:
    data = draw_dataset(tmp_path / "data", [(64, 64)])
    changed = ("--set", "model.base=practice")
    code, counted, _ = run("plan", data, "--recipe", "nai15", *changed)
    assert code == 0
    assert any(
        warning["level"] == "warn" and "These settings are for SD 1.5" in warning["text"]
        for warning in counted["warnings"]
    )
    code, _, stderr = run(
        "train", data, "--recipe", "nai15", *changed, "--set", "model.family=sd15"
    )
    assert code == 1
    assert "belong to another kind of model" in one_sentence(stderr)


def test_a_full_disk_stops_the_bake_with_a_sentence_and_no_half_file(
    tmp_path: Path, run: Run, base: Path, small_disk: Path
) -> None:
    data = draw_dataset(tmp_path / "data", [(32, 32)] * 2)
    out = small_disk / "run"
    code, _, stderr = run(
        "train",
        data,
        "--recipe",
        "pdxl",
        *tiny_settings(base, network_dim=512, network_alpha=8),
        "--out",
        out,
    )
    assert code == 1
    assert "disk" in one_sentence(stderr).lower()
    for path in out.rglob("*.safetensors"):
        code, _, _ = run("inspect", path)
        assert code == 0, f"{path.name} is half-written"
    assert not list(out.rglob("*.tmp"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """A real file system of 3 MB; only root can mount one."""
    import os
    import subprocess

    place = tmp_path / "small"
    place.mkdir()
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], check=False)
    if mounted.returncode:
        pytest.skip("this system does not let root mount a small disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_wrong_usage_gives_exit_code_2(run: Run) -> None:
    code, _, stderr = run("bake")
    assert code == 2
    assert "No such command" in stderr
