"""What else X/Y/Z plot is asked for: varying seeds, any seed, a sheet for each value of Z."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from lorabake.core.errors import GridError
from lorabake.core.run import Run
from lorabake.core.settings import from_mapping
from lorabake.core.workspace import Workspace
from lorabake.grid.library import Bases
from lorabake.grid.render import render_grid
from lorabake.grid.sheet import lay_out
from lorabake.grid.xyz import open_board, prepare_xyz
from lorabake.grid.xyz_request import XyzRequest
from tests.bakes import Recorded
from tests.grid.webui import read_infotext
from tests.verbs import answered, refused

torch.set_num_threads(1)


def ask(run: Run, tmp_path: Path, **changes: Any) -> Path:
    asked = {"prompt": "<lora:tiny-03:0.8> ohwx", "steps": 1, "size": "32x32", **changes}
    bases = Bases(Workspace.open(tmp_path / "workspace"))
    return prepare_xyz(run, from_mapping(XyzRequest, asked), bases)


def infotext_of(path: Path | None) -> dict[str, str]:
    assert path is not None
    with Image.open(path) as picture:
        return read_infotext(picture.info["parameters"])


def seeds_of(folder: Path) -> dict[tuple[int, int, int], int]:
    return {(spot.x, spot.y, spot.z): spot.shot.seed for spot in open_board(folder).spots}


def test_seeds_vary_as_in_xyz_plot(run: Run, tmp_path: Path) -> None:
    """X adds ix, Y iy times the columns, Z iz times both, counted over the axes that vary."""
    axes = {"x": "weight=0.2, 0.4, 0.6", "y": "cfg=4, 5", "z": "steps=1, 2", "seed": 10}
    for letters, wanted in (
        ("X", lambda x, y, z: x),
        ("y", lambda x, y, z: y),
        ("x, y, z", lambda x, y, z: x + 3 * y + 6 * z),
        ("XZ", lambda x, y, z: x + 3 * z),
        ("", lambda x, y, z: 0),
    ):
        found = seeds_of(ask(run, tmp_path, vary_seeds=letters, **axes))
        assert found == {place: 10 + wanted(*place) for place in found}, letters
    last = ask(run, tmp_path, x="weight=0.2, 0.4", vary_seeds="X", seed=2**32 - 1)
    assert list(seeds_of(last).values()) == [2**32 - 1, 0]
    own = ask(run, tmp_path, x="weight=0.2, 0.4", y="seed=7, 9", vary_seeds="X")
    assert list(seeds_of(own).values()) == [7, 8, 9, 10]
    with pytest.raises(GridError, match="X, Y or Z, not for 'W'"):
        ask(run, tmp_path, x="weight=1", vary_seeds="W")


def test_any_seed_for_all_or_for_each(run: Run, tmp_path: Path) -> None:
    axes = {"x": "weight=0.2, 0.4, 0.6", "y": "cfg=4, 5", "seed": -1}
    one, other = (set(seeds_of(ask(run, tmp_path, **axes)).values()) for _ in range(2))
    assert len(one) == len(other) == 1
    assert one != other
    folder = ask(run, tmp_path, keep_random=True, **axes)
    each = seeds_of(folder)
    assert len(set(each.values())) == 6
    assert each == seeds_of(folder), "what is rendered can be rendered again"
    own = ask(run, tmp_path, keep_random=True, x="weight=0.2, 0.4", seed=-1)
    made = render_grid(own, events=Recorded()).cells
    assert [int(infotext_of(cell.path)["Seed"]) for cell in made] == list(seeds_of(own).values())


def test_a_sheet_for_each_value_of_z(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each has the text of its own first cell, and X and Y alone, so that a web UI makes it again."""
    common = ("grid", run.folder, "--prompt", "<lora:tiny-03:0.8> ohwx", "--steps", 1, "--size",
              "32x32", "--workspace", tmp_path / "workspace", "--x", "weight=0.8, 0.4")  # fmt: skip
    more = ("--y", "cfg=4, 5", "--z", 'Prompt S/R=ohwx, "smile, hat"', "--vary-seeds", "XZ")
    answer = answered((*common, *more, "--seed", 5, "--sub-grids"), monkeypatch, capsys)
    assert [cell["seed"] for cell in answer["cells"]] == [5, 6, 5, 6, 7, 8, 7, 8]
    first, second = map(Path, answer["sub_grids"])
    assert (first.name, second.name) == ("sheet-1.png", "sheet-2.png")
    size = lay_out(["Weight: 0.8"] * 2, ["CFG scale: 4.0"] * 2, (32, 32)).size
    for path, prompt, seed in ((first, "ohwx", "5"), (second, "smile, hat", "7")):
        text = infotext_of(path)
        assert text["Prompt"] == f"<lora:tiny-03:0.8> {prompt}"
        assert text["Seed"] == seed
        assert (text["Script"], text["X Type"], text["X Values"]) == (
            "X/Y/Z plot", "Prompt S/R", "0.8>, 0.4>"
        )  # fmt: skip
        assert (text["Y Type"], text["Y Values"]) == ("CFG Scale", "4.0, 5.0")
        assert "Z Type" not in text
        with Image.open(path) as sheet:
            assert sheet.size == size
    whole = infotext_of(Path(answer["sheet"]))
    assert whole["Z Values"] == 'ohwx, "smile, hat"'
    assert whole["Prompt"] == infotext_of(first)["Prompt"]
    with Image.open(first) as one, Image.open(second) as other:
        assert one.tobytes() != other.tobytes()
    code, said = refused((*common, "--sub-grids"), monkeypatch, capsys)
    assert code == 1
    assert "Give --z some" in said
    code, said = refused((*common[:-2], "--vary-seeds", "X"), monkeypatch, capsys)
    assert code == 1
    assert "Give an axis" in said
