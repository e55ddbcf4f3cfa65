"""What this computer can do, said before anybody waits for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from lorabake.core.errors import DeviceError
from lorabake.engine.device import DeviceInfo, choose_dtype, find_device, set_threads
from lorabake.engine.doctor import examine


def test_a_device_is_found_on_every_machine() -> None:
    device = find_device()
    assert device.kind in ("cuda", "mps", "cpu")
    assert device.name
    assert device.mib >= 0
    torch.zeros(1, device=device.kind)


def test_the_badge_says_what_to_expect() -> None:
    assert DeviceInfo("cuda", "RTX 3060", 12288).label == "RTX 3060 · 12 GB"
    assert DeviceInfo("cpu", "CPU", 16384).label == "CPU · practice speed"


@pytest.mark.parametrize(
    ("precision", "kind", "dtype"),
    [
        ("no", "cpu", torch.float32),
        ("no", "cuda", torch.float32),
        ("fp16", "cpu", torch.float32),
        ("fp16", "cuda", torch.float16),
        ("bf16", "cpu", torch.bfloat16),
    ],
)
def test_training_precision(precision: str, kind: str, dtype: torch.dtype) -> None:
    assert choose_dtype(precision, kind) == dtype


def test_a_card_without_bf16_is_told_of_fp16(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "Set it to fp16 if your hardware doesn't support bf16." """
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "GTX 1080")
    with pytest.raises(DeviceError, match="GTX 1080 does not know bf16"):
        choose_dtype("bf16", "cuda")


def test_small_networks_get_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    set_threads(3_000_000, "cpu")
    set_threads(2_600_000_000, "cpu")
    set_threads(3_000_000, "cuda")
    assert asked == [1]


def test_the_doctors_answer_has_its_keys_and_is_json(tmp_path: Path) -> None:
    found = examine(tmp_path / "not" / "yet" / "there")
    assert set(found) == {*("ok", "device", "torch", "python", "system", "versions", "problems")}
    assert json.loads(json.dumps(found)) == found
    assert set(found["device"]) == {"kind", "name", "mib", "label"}
    assert found["ok"] is True
    assert (
        found["torch"] == torch.__version__.partition("+")[0] or found["torch"] in torch.__version__
    )
    assert found["versions"]["gradio"]
    assert all(set(problem) == {"level", "text"} for problem in found["problems"])
    assert {problem["level"] for problem in found["problems"]} <= {"hint", "warn"}


def test_the_doctor_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lorabake.engine.doctor.NEEDED_TOO", ("no-such-library-anywhere",))
    found = examine()
    assert found["ok"] is False
    stops = [problem["text"] for problem in found["problems"] if problem["level"] == "stop"]
    assert len(stops) == 1
    assert "no-such-library-anywhere is missing. Start lorabake with launch.sh" in stops[0]


def test_the_doctor_knows_what_a_missing_library_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without bitsandbytes only AdamW8bit is lost, so all is well."""
    from importlib import metadata

    real = metadata.version

    def version(name: str) -> str:
        if name == "bitsandbytes":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    found = examine()
    assert found["ok"] is True
    assert found["versions"]["bitsandbytes"] is None
    assert any(
        "AdamW8bit cannot be used. AdamW" in problem["text"] for problem in found["problems"]
    )


def test_the_doctor_warns_of_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lorabake.engine.doctor.FREE_GIB", 10**9)
    assert any("of disk are free" in problem["text"] for problem in examine()["problems"])
