"""`lorabake convert`: every direction, and files that were made to break it."""

from __future__ import annotations

import json
import struct
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lorabake.cli import app, main
from lorabake.recipe.exchange import read_settings
from lorabake.recipe.presets import load_recipe, recipe_to_toml

FILES = Path(__file__).parent / "recipe" / "exchange"
SECRET = "made-up-secret-value"
KEYS = {"source", "warnings", "not_honoured", "written"}


def lora_file(path: Path) -> Path:
    notes = json.loads((FILES / "colab_notes.json").read_text(encoding="utf-8"))
    header = json.dumps({"__metadata__": notes}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    return path


def sources(tmp_path: Path) -> dict[str, tuple[Path, Path | None]]:
    own = tmp_path / "own.toml"
    own.write_text(recipe_to_toml(load_recipe("pdxl+dora")), encoding="utf-8")
    return {
        "lorabake": (own, None),
        "lets": (FILES / "sdxl_12gb.toml", None),
        "sd-scripts": (FILES / "scripts_config.toml", FILES / "scripts_dataset.toml"),
        "lora": (lora_file(tmp_path / "zeta.safetensors"), None),
    }


@pytest.fixture
def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., bool]:
    """Whether the program ends with code 1 and one sentence that says what happened."""

    def ends(*arguments: object) -> bool:
        monkeypatch.setattr(sys, "argv", ["lorabake", "convert", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr().err.strip()
        return end.value.code == 1 and len(told) < 400 and told.endswith(".") and "\n" not in told

    return ends


def convert(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["convert", *map(str, arguments)])


@pytest.mark.parametrize("to", ["lorabake", "lets", "sd-scripts"])
@pytest.mark.parametrize("source", ["lorabake", "lets", "sd-scripts", "lora"])
def test_every_direction(source: str, to: str, tmp_path: Path) -> None:
    file, second = sources(tmp_path)[source]
    out = tmp_path / "new" / "out.toml"
    more = ["--dataset-config", second] if second else []
    done = convert(file, out, "--to", to, *more, "--json")
    assert done.exit_code == 0, done.output
    answer: dict[str, Any] = json.loads(done.stdout)
    assert (answer.keys(), answer["source"]) == (KEYS, source)
    written = [out, out.with_name("out-dataset.toml")][: 2 if to == "sd-scripts" else 1]
    assert answer["written"] == [str(path) for path in written]
    again = read_settings(out, dataset=written[1] if len(written) > 1 else None)
    assert again.source == to
    before = read_settings(file, dataset=second).recipe
    for part in ("network", "noise", "bucket", "general"):
        now, then = getattr(again.recipe, part), getattr(before, part)
        differing = {name for name in vars(now) if getattr(now, name) != getattr(then, name)}
        # What those files cannot say: auto, and which layers a LoCon has.
        assert differing <= {"gradient_checkpointing", "target_layers"}, part
    assert SECRET not in done.output + "".join(path.read_text(encoding="utf-8") for path in written)


def test_a_lets_file_comes_back_through_the_command_line(tmp_path: Path) -> None:
    own, back = tmp_path / "own.toml", tmp_path / "back.toml"
    original = FILES / "fork_sd15.toml"
    assert convert(original, own).exit_code == 0
    assert convert(own, back, "--to", "lets").exit_code == 0
    assert tomllib.loads(back.read_text("utf-8")) == tomllib.loads(original.read_text("utf-8"))


def test_it_tells_a_person_what_has_no_effect(tmp_path: Path) -> None:
    done = convert(FILES / "fork_sd15.toml", tmp_path / "o.toml", "--to", "sd-scripts")
    assert done.stdout.startswith("These are settings of LoRA Easy Training Scripts.\n")
    assert "– fp8_base: the base model is kept in 16 bit" in done.stdout
    assert "The schedule rex is a class of LoRA Easy Training Scripts" in done.stdout
    assert f"Written: {tmp_path / 'o-dataset.toml'}" in done.stdout
    assert "/home/someone" not in done.stdout


HOSTILE = {
    "large": b"a" * 10_000_000,
    "no-text": b"\xff\xfe\x00seed",
    "deep": b"a = " + b"[" * 50_000,
    "keys": b"[" + b".".join([b"a"] * 20_000) + b"]",
    "long number": b"[general_args.args]\nseed = 0x" + b"F" * 20_000,
    "empty": b"",
    "other": b"[tool.poetry]\nname = 'x'\n",
    "cut": b"[general_args.args]\nseed = ",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_a_sentence(
    name: str, tmp_path: Path, refused: Callable[..., bool]
) -> None:
    bad, out = tmp_path / "bad.toml", tmp_path / "out.toml"
    bad.write_bytes(HOSTILE[name])
    assert refused(bad, out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"not a lora", "x.safetensors"),
        (struct.pack("<Q", 2**62) + b"{}", "x.safetensors"),
        (b"\x80\x04pickle", "x.ckpt"),
        (b"", "x.safetensors"),
        (b"learning_rate = 1", "settings"),
    ],
)
def test_what_is_no_lora_is_refused_too(
    content: bytes, name: str, tmp_path: Path, refused: Callable[..., bool]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert refused(tmp_path / name, tmp_path / "out.toml")


def test_not_a_number_is_listed_and_the_rest_is_read(tmp_path: Path) -> None:
    bad, out = tmp_path / "bad.toml", tmp_path / "out.toml"
    bad.write_text(
        "[network_args.args]\nnetwork_dim = nan\nnetwork_alpha = 2.0\n[optimizer_args.args]\n"
        "unet_lr = inf\noptimizer_type = 'Prodigy'\n[optimizer_args.args.optimizer_args]\nd_coef = 'nan'\n"
    )
    answer = json.loads(convert(bad, out, "--json").stdout)
    told = "\n".join(answer["not_honoured"])
    assert all(f"{name}: " in told for name in ("network_dim", "unet_lr", "optimizer_args.d_coef"))
    assert load_recipe(out).network.network_alpha == 2


def test_no_file_is_overwritten_by_its_own_copy(
    tmp_path: Path, refused: Callable[..., bool]
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(recipe_to_toml(load_recipe("pdxl")), encoding="utf-8")
    before = own.read_bytes()
    assert refused(own, own, "--to", "lets")
    assert refused(own, tmp_path / "out.json")
    assert refused(tmp_path / "none.toml", tmp_path / "out.toml")
    assert own.read_bytes() == before


def test_wrong_usage_has_its_own_code(tmp_path: Path) -> None:
    assert convert(FILES / "fork_sd15.toml", tmp_path / "o.toml", "--to", "json").exit_code == 2
    assert convert().exit_code == 2


def test_a_place_that_cannot_be_written_to(tmp_path: Path, refused: Callable[..., bool]) -> None:
    (tmp_path / "file").touch()
    assert refused(FILES / "fork_sd15.toml", tmp_path / "file" / "out.toml")
    (tmp_path / "out.toml").mkdir()
    assert refused(FILES / "fork_sd15.toml", tmp_path / "out.toml")
