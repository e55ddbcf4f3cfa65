"""Files render as trained: what each program makes of them against the network's own forward.

The difference is measured against what the network changes, not against the whole picture.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from lorabake.engine.lora_file import read_lora, save_lora
from lorabake.engine.networks import attach
from lorabake.engine.networks.attaching import network_for
from lorabake.engine.networks.file_keys import layers_of
from lorabake.engine.networks.lowrank import Keep, Part, composed
from lorabake.engine.networks.targets import find_targets, part_of
from tests.engine.consumers import a1111, comfyui, forge
from tests.engine.tiny_networks import (
    NETWORKS,
    answers,
    file_of,
    moved,
    render,
    settings,
    tiny_model,
)

torch.set_num_threads(1)

# Where a program itself is wrong, by how much at least; everything else must be right.
WRONG = {
    ("dora by rows", "a1111"): 0.3,
    ("dora by rows", "comfyui"): 0.02,
    ("dora by rows", "forge"): 0.02,
}
MADE = {"sdxl": Keep(), "sd15": Keep(share=0.8)}
MERGERS = {"a1111": a1111, "forge": forge, "comfyui": comfyui}


def merge(model: Any, state: dict[str, Tensor], program: ModuleType, m: float) -> None:
    targets = {target.name: target for target in find_targets(model, conv=True)}
    for name, layer in layers_of(state).items():
        part = part_of(model, targets[name].part)
        assert part is not None
        weight: Any = part.get_submodule(targets[name].path).weight
        with torch.no_grad():
            weight.copy_(program.merged(layer, weight.detach(), m))


def difference(found: list[Tensor], wanted: list[Tensor], base: list[Tensor]) -> list[float]:
    """‖found − wanted‖ / ‖wanted − base‖ of each part that the network changes."""
    return [
        float((a - b).norm() / (b - c).norm())
        for a, b, c in zip(found, wanted, base, strict=True)
        if not torch.equal(b, c)
    ]


@pytest.mark.parametrize("kind", list(NETWORKS))
@pytest.mark.parametrize("family", ["sdxl", "sd15"])
def test_programs_that_merge_render_what_was_trained(
    kind: str, family: str, tmp_path: Path
) -> None:
    model = tiny_model(family)
    base = answers(model)
    network = moved(attach(model, settings(kind)))
    path = tmp_path / "a.safetensors"
    save_lora(path, network.file_state(torch.float32), {})
    state = read_lora(path)
    for m in (1.0, 0.7):
        network.set_weight(m)
        wanted = answers(model)
        for name, program in MERGERS.items():
            other = tiny_model(family)
            merge(other, state, program, m)
            found = difference(answers(other), wanted, base)
            assert len(found) == len(base), "every part was to be changed"
            if least := WRONG.get((kind, name)):
                assert min(found) > least, (name, m, found)
            else:
                assert max(found) <= 1e-3, (name, m, found)


@pytest.mark.parametrize("kind", list(NETWORKS))
@pytest.mark.parametrize("family", ["sdxl", "sd15"])
def test_a_half_precision_file_renders_the_same_to_its_rounding(kind: str, family: str) -> None:
    """fp16, the usual dtype of files: its eleven bits are all that is lost."""
    model = tiny_model(family)
    base = answers(model)
    network = moved(attach(model, settings(kind)))
    wanted, state = answers(model), network.file_state(torch.float16)
    network.detach()
    network_for(model, state)
    assert max(difference(answers(model), wanted, base)) < 1e-2


@pytest.fixture(scope="module")
def diffusers_says(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What diffusers renders from files of every kind, and what it says to those it refuses."""
    folder = tmp_path_factory.mktemp("diffusers")
    for kind in NETWORKS:
        for family in ("sdxl", "sd15"):
            save_lora(folder / f"{kind}@{family}.safetensors", file_of(kind, family), {})
    for family, keep in MADE.items():
        parts = [Part(file_of("locon", family), 0.7), Part(file_of("locon", family, seed=6), 0.3)]
        save_lora(folder / f"made@{family}.safetensors", composed(parts, keep), {})
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.engine.consumers.diffusers_peft", folder],
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        timeout=300,
    )
    with safe_open(folder / "answers", framework="pt") as file:
        said = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return said, file.metadata()


def our_own(kind: str, family: str, m: float = 1.0, without: str = "-") -> list[Tensor]:
    model = tiny_model(family)
    state = {key: t for key, t in file_of(kind, family).items() if without not in key}
    network_for(model, state).set_weight(m)
    return [render(model, 2)]


@pytest.mark.parametrize("family", MADE)
def test_a_pipeline_of_diffusers_leaves_no_key_of_an_average(
    family: str, diffusers_says: Any
) -> None:
    """Also where each layer has a rank of its own."""
    said = json.loads(diffusers_says[1][f"made@{family}"])
    assert said["left"] == []
    assert said["layers"] == said["in_file"] > 100
    assert said["error"] < 1e-4


@pytest.mark.parametrize("family", ["sdxl", "sd15"])
@pytest.mark.parametrize("kind", ["lora", "locon"])
def test_diffusers_renders_loras_as_trained(kind: str, family: str, diffusers_says: Any) -> None:
    said, _ = diffusers_says
    base = [render(tiny_model(family), 2)]
    for m in (1.0, 0.7):
        found = [said[f"{kind}@{family}@{m}"]]
        assert max(difference(found, our_own(kind, family, m), base)) <= 1e-3


@pytest.mark.parametrize("family", ["sdxl", "sd15"])
@pytest.mark.parametrize("kind", ["dora", "dora locon", "dora by rows"])
def test_diffusers_renders_a_dora_as_if_it_were_a_lora(
    kind: str, family: str, diffusers_says: Any
) -> None:
    """A deviation of diffusers: it drops `dora_scale` with a warning, so pictures differ."""
    found = [diffusers_says[0][f"{kind}@{family}@1.0"]]
    base = [render(tiny_model(family), 2)]
    as_lora = our_own(kind, family, without="dora_scale")
    assert max(difference(found, as_lora, base)) <= 1e-3
    assert min(difference(found, our_own(kind, family), base)) > 0.05


def test_diffusers_refuses_the_other_kinds(diffusers_says: Any) -> None:
    """A deviation of diffusers: it renders none of them, and says so."""
    kinds = {name.partition("@")[0] for name in diffusers_says[1]} - {"made"}
    assert kinds == {"loha", "lokr", "lokr both", "lokr whole", "glora"}
