"""One model in two layouts: a diffusers folder and the single file that Pony and Illustrious come as."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from lorabake.core.run import Run
from lorabake.grid.job import GridRequest, prepare_grid
from lorabake.grid.render import render_grid
from tests.bakes import Recorded, bake
from tests.tiny import tiny_sdxl_single_file

torch.set_num_threads(1)


def rendered(run: Run) -> np.ndarray:
    # an empty negative prompt is silence for a file, and what its folder says for the other
    request = GridRequest(
        prompt="ohwx, 1girl", negative="hat", epochs="2", weights="1.0", steps=4, seed=7, cfg=3.0
    )
    result = render_grid(prepare_grid(run, request), events=Recorded())
    path = result.cells[0].path
    assert path is not None
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_a_single_file_bakes_and_renders_as_its_folder_twin(
    tmp_path: Path, tiny_base: Path
) -> None:
    folder_run, _, _ = bake(tmp_path / "folder", tiny_base, epochs=2)
    single_run, _, _ = bake(tmp_path / "single", tiny_sdxl_single_file(tmp_path), epochs=2)
    folder, single = (load_file(run.checkpoints()[-1].path) for run in (folder_run, single_run))
    assert folder.keys() == single.keys()
    assert all(torch.equal(folder[name], single[name]) for name in folder)
    assert any(folder[name].abs().max() > 0 for name in folder if name.endswith("lora_up.weight"))
    assert np.array_equal(rendered(folder_run), rendered(single_run))
