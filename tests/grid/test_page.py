"""The page that is sent around: one file, which nothing in a prompt can break out of."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from lorabake.core.errors import GridError
from lorabake.core.files import atomic_write_json
from lorabake.grid.axes import Axis
from lorabake.grid.cells import write_png
from lorabake.grid.failed import write_errors
from lorabake.grid.page import write_page
from lorabake.grid.shot import Shot
from lorabake.grid.xyz import XYZ, open_board
from lorabake.grid.xyz_cells import XyzPlan

TRICK = "</script><script>document.title='bad'</script><img src=x onerror=\"document.title='bad'\"> ${1} {{DATA}}"


def make_grid(folder: Path) -> Path:
    """Two weights by three seeds for two prompts, painted by hand; one picture is missing."""
    shot = Shot(
        prompt="1girl", negative="", seed=1, steps=2, cfg=5.0, sampler="Euler", width=64, height=48
    )
    axes = (
        Axis("Weight", ("0.5", "1.0")),
        Axis("Seed", ("1", "2", "3")),
        Axis("Prompt", ("1girl", TRICK)),
    )
    plan = XyzPlan(shot, axes, ("k-01",), {}, {})
    grid = folder / "run" / "grid" / "first"
    grid.mkdir(parents=True)
    atomic_write_json(grid / XYZ, {"format": 1, **asdict(plan)})
    for spot in open_board(grid).spots:
        if (spot.x, spot.y, spot.z) != (1, 2, 0):
            colour = (100 * spot.x, 80 * spot.y, 200 * spot.z)
            write_png(
                grid / spot.name,
                Image.new("RGB", (64, 48), colour),
                f"{spot.shot.prompt}\nSteps: 2",
            )
    return grid


def test_the_page_holds_all_pictures_and_only_its_own_script(tmp_path: Path) -> None:
    grid = make_grid(tmp_path)
    board = open_board(grid)
    write_errors(
        grid,
        {spot.name: "out of memory" for spot in board.spots if not (grid / spot.name).exists()},
    )
    text = write_page(grid).read_text(encoding="utf-8")
    assert re.findall(r"<script[^>]*>", text) == [
        '<script type="application/json" id="data">',
        "<script>",
    ]
    assert "onerror" not in text.replace('onerror=\\"document', "")
    for kind in ("script", "style"):
        body = re.search(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        assert body is not None
        digest = base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in text
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", text)
    found = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert [axis["name"] for axis in data["axes"]] == ["Weight", "Seed", "Prompt"]
    assert data["axes"][2]["values"] == ["1girl", TRICK]
    assert len(data["cells"]) == 12
    for cell, spot in zip(data["cells"], board.spots, strict=True):
        if not cell["src"]:
            assert (cell["at"], cell["error"]) == ([1, 2, 0], "out of memory")
            continue
        picture = Image.open(BytesIO(base64.b64decode(cell["src"].partition(",")[2])))
        assert picture.size == (64, 48)
        pixel = picture.convert("RGB").getpixel((30, 20))
        wanted = (100 * spot.x, 80 * spot.y, 200 * spot.z)
        assert isinstance(pixel, tuple)
        assert max(abs(one - other) for one, other in zip(pixel, wanted, strict=True)) < 12
        assert cell["text"].endswith("Steps: 2")


def test_a_grid_without_pictures_has_no_page(tmp_path: Path) -> None:
    grid = make_grid(tmp_path)
    for path in grid.glob("*.png"):
        path.unlink()
    with pytest.raises(GridError, match="no picture yet"):
        write_page(grid)
