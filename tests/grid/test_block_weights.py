"""`lbw=`, `te=`, `unet=` and `dyn=` in a prompt's tag, and block weights as an axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from lorabake.core.errors import GridError
from lorabake.core.run import Run
from lorabake.core.settings import from_mapping
from lorabake.core.workspace import Workspace
from lorabake.engine.families import load_model
from lorabake.engine.lora_file import read_lora, save_lora
from lorabake.grid.axes import Known, read_axis
from lorabake.grid.batches import batches_of, painting_of, shared
from lorabake.grid.block_text import not_meant, read_blocks
from lorabake.grid.board import tasted
from lorabake.grid.library import Bases
from lorabake.grid.painter import Painter
from lorabake.grid.render import render_grid
from lorabake.grid.shot import Shot
from lorabake.grid.tags import LoraUse, lora_uses, reblocked, renamed, reweighted
from lorabake.grid.values import parse_words
from lorabake.grid.xyz import open_board, prepare_xyz, read_xyz
from lorabake.grid.xyz_request import XyzRequest
from tests.bakes import Recorded
from tests.engine.tiny_networks import file_of
from tests.grid.webui import read_infotext
from tests.tiny import tiny_sd15_folder

torch.set_num_threads(1)
NOWHERE = Known(lambda text: [], lambda text: text, lambda name: name)
TWELVE = "1,0,0,0.5,0,0,0,0,0,1,1,1"


def ask(run: Run, tmp_path: Path, **changes: Any) -> Path:
    asked = {"prompt": "<lora:tiny-03:0.8> ohwx", "steps": 2, "size": "32x32", **changes}
    bases = Bases(Workspace.open(tmp_path / "workspace"))
    return prepare_xyz(run, from_mapping(XyzRequest, asked), bases)


def painted(folder: Path) -> dict[str, tuple[np.ndarray[Any, Any], dict[str, str]]]:
    """Pixels and how it was made, by the label."""
    found = {}
    for cell in render_grid(folder, events=Recorded()).cells:
        assert cell.path is not None, cell.error
        with Image.open(cell.path) as picture:
            text = picture.info["parameters"]
            found[cell.spot.label] = np.asarray(picture).astype(int), read_infotext(text)
    return found


def apart(one: Any, other: Any) -> int:
    return int(np.abs(one[0] - other[0]).max())


# --- what is written ------------------------------------------------------------------------------


def test_weights_of_a_tag_by_place_and_by_name() -> None:
    for tag, use in (
        ("<lora:a:0.5:0.7:8>", LoraUse("a", 0.5, 0.7, None, 8)),
        ("<lora:a:unet=0.7:te=0.5:dyn=8>", LoraUse("a", 0.5, 0.7, None, 8)),
        ("<lora:a:unet=0>", LoraUse("a", 1.0, 0.0)),  # te is not said, so it is 1
        ("<lora:a:te=0>", LoraUse("a", 0.0, 0.0)),  # unet is not said, so it is te's
        ("<lora:a:1:lbw=OUTALL>", LoraUse("a", 1.0, 1.0, read_blocks("OUTALL"))),
        (f"<lora:a:lbw={TWELVE}:0.5>", LoraUse("a", 0.5, 0.5, read_blocks(TWELVE))),
    ):
        assert lora_uses(tag) == [use]
    (use,) = lora_uses("<lora:a:0.5:1:lbw=0.4,1,0,0,0,0,0,0,0,0,0,0>")
    assert use.heard == pytest.approx(0.2)
    assert not use.idle
    assert lora_uses("<lora:a:1:lbw=NONE>")[0].idle
    assert lora_uses("<lora:a:1:0:lbw=MIDD>")[0].heard == 1.0, "MIDD has BASE at 1"


def test_tags_are_changed_around_block_weights() -> None:
    names = ["a-01"]
    tag = "<lora:a-01:0.5:0.7:8:lbw=MIDD>, <lora:b:1>"
    assert renamed(tag, names, "a-02") == "<lora:a-02:0.5:0.7:8:lbw=MIDD>, <lora:b:1>"
    assert reweighted(tag, names, 0.8) == "<lora:a-01:0.8:dyn=8:lbw=MIDD>, <lora:b:1>"
    assert reblocked(tag, names, "1, 0.5") == "<lora:a-01:0.5:0.7:8:lbw=1,0.5>, <lora:b:1>"
    assert reblocked("<lora:a-01>", names, "ALL") == "<lora:a-01:lbw=ALL>"


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("<lora:a:1:lbw=OUTAL>", "no block weights called 'OUTAL'"),
        ("<lora:a:1:lbw=1,0,1>", "these are 3"),
        (f"<lora:a:1:lbw={TWELVE.replace('0.5', 'R')}>", "Write the number"),
        (f"<lora:a:1:lbw={TWELVE.replace('0.5', 'x')}>", "no number"),
        (f"<lora:a:1:lbw={TWELVE.replace('0.5', 'nan')}>", "no number"),
        ("<lora:a:1:IN02>", "Write lbw=IN02"),
        (f"<lora:a:1:{TWELVE}>", "Write lbw=1,0,0"),
        ("<lora:a:1:stop=10>", "Leave the rest out"),
        ("<lora:a:1:1:8:9>", "Leave the rest out"),
        ("<lora:a:1:1:x>", "no number of ranks"),
        ("<lora:a:dyn=0>", "no number of ranks"),
    ],
)
def test_what_is_not_known_is_said_in_a_sentence(tag: str, words: str) -> None:
    with pytest.raises(GridError, match=words) as error:
        lora_uses(tag)
    assert str(error.value).endswith(".")


def test_the_axis_reads_presets_blocks_and_lists() -> None:
    for text, values in (
        ("ALL, OUTALL, IN04, MID", ("ALL", "OUTALL", "IN04", "MID")),
        (f'ALL, "{TWELVE}"', ("ALL", TWELVE.replace(",", ", "))),
        (TWELVE, (TWELVE.replace(",", ", "),)),
    ):
        assert read_axis("Block weights", text, NOWHERE).values == values
    assert read_axis("lbw", "ALL", NOWHERE).label("ALL") == "Block weights: ALL"
    with pytest.raises(GridError, match="no block weights"):
        read_axis("lbw", "ALL, HALF", NOWHERE)
    assert "OUT00, OUT01, OUT02 count 0" in not_meant(17, "sdxl")
    assert "Write 17 or 26 numbers" in not_meant(12, "sd15")
    assert not_meant(20, "sdxl") == not_meant(0, "sd15") == ""


def test_a_picture_of_a_part_of_a_file_is_not_handed_over() -> None:
    """Its file and weight alone would draw another picture."""
    for tag, why in (
        ("1:lbw=MID", "a part"),
        ("1:1:4", "a part"),
        ("1:0.5", "differ"),
        ("0.8", ""),
    ):
        shot = Shot(prompt=f"<lora:k-01:{tag}> 1girl", negative="", seed=1, steps=1, cfg=1.0,
                    sampler="Euler", width=64, height=64)  # fmt: skip
        assert why in tasted(shot, {"k-01": 1}).why
        assert bool(why) == bool(tasted(shot, {"k-01": 1}).why)


# --- what is painted ------------------------------------------------------------------------------


def test_cells_differ_in_the_weights_alone(run: Run, tmp_path: Path) -> None:
    """Against files whose other layers were set to zero by hand, drawn as another LoRA."""
    state = read_lora(run.folder / "tiny-03.safetensors")

    def without(name: str, prefixes: tuple[str, ...]) -> None:
        """A file of this run of which only layers with these beginnings do anything."""
        kept = {
            key: tensor if key.startswith(prefixes) or "lora_up" not in key else tensor * 0
            for key, tensor in state.items()
        }
        save_lora(run.folder / f"{name}.safetensors", kept, {})

    without("outs-01", ("lora_unet_output_blocks_4_",))
    without("text-01", ("lora_te1_", "lora_te2_"))
    without("seen-01", ("lora_unet_",))
    folder = ask(run, tmp_path, x='lbw=OUT04, BASE, NONE, ALL, "1,0,0,0,0,0,0,0,0,0,0,0"',
                 y="weight=0.8, 0.4")  # fmt: skip
    board = open_board(folder)
    (batch,) = [b for b in batches_of(shared(board)) if b.paintings[0].loras]
    # one batch, so the file is loaded once; the list is BASE, and NONE is the plain base
    assert len(batch.paintings) == 6
    made = painted(folder)
    hand = painted(ask(run, tmp_path, x="Prompt=<lora:outs-01:0.8> ohwx, <lora:text-01:0.8> ohwx, "
                       "<lora:seen-01:0.8> ohwx, <lora:tiny-03:0> ohwx, <lora:tiny-03:0.8:0> ohwx, "
                       "<lora:tiny-03:te=0:unet=0.8> ohwx"))  # fmt: skip
    by_tag = {text.partition(" ohwx")[0]: cell for text, cell in hand.items()}
    for label, tag in (
        ("OUT04", "<lora:outs-01:0.8>"),
        ("BASE", "<lora:text-01:0.8>"),
        ("NONE", "<lora:tiny-03:0>"),
    ):
        assert apart(made[f"Block weights: {label}, Weight: 0.8"], by_tag[tag]) <= 1, label
    # the second number of a tag is the U-Net's, the first the text encoders'
    assert apart(by_tag["<lora:tiny-03:0.8:0>"], by_tag["<lora:text-01:0.8>"]) <= 1
    assert apart(by_tag["<lora:tiny-03:te=0:unet=0.8>"], by_tag["<lora:seen-01:0.8>"]) <= 1
    assert len({cell[0].tobytes() for cell in hand.values()}) == 5
    assert apart(made["Block weights: ALL, Weight: 0.8"], by_tag["<lora:tiny-03:0>"]) > 3
    assert apart(made["Block weights: OUT04, Weight: 0.8"],
                 made["Block weights: OUT04, Weight: 0.4"]) > 1  # fmt: skip
    told = read_xyz(folder).warnings
    assert len(told) == 1
    assert "17 numbers" in told[0]


def test_block_weights_beside_another_lora_and_fewer_ranks(run: Run, tmp_path: Path) -> None:
    """The merged one's blocks count too, and dyn= loads the file once more."""
    other = "<lora:tiny-01:0.5:lbw=MID> <lora:tiny-03:1> ohwx"
    made = painted(
        ask(run, tmp_path, prompt=other, x="Prompt S/R=lbw=MID, lbw=NONE, lbw=MID:dyn=1")
    )
    assert list(made) == ["lbw=MID", "lbw=NONE", "lbw=MID:dyn=1"]
    assert min(apart(made["lbw=MID"], made[each]) for each in list(made)[1:]) > 0
    (alone,) = painted(ask(run, tmp_path, prompt="<lora:tiny-03:1> ohwx", x="seed=1")).values()
    assert apart(made["lbw=NONE"], alone) <= 1


def test_a_web_ui_makes_the_same_grid(run: Run, tmp_path: Path) -> None:
    """Prompt S/R's needles are in the first prompt, and lead to each cell's prompt."""
    folder = ask(run, tmp_path, x=f'lbw=MIDD, "{TWELVE}"', y="weight=0.8, 0.4", steps=1)
    found = painted(folder)
    with Image.open(folder / "sheet.png") as sheet:
        text = read_infotext(sheet.info["parameters"])
    assert (text["X Type"], text["Y Type"]) == ("Prompt S/R", "Prompt S/R")
    across, down = (parse_words(text[f"{letter} Values"]) for letter in "XY")
    assert across == ["lbw=MIDD", f"lbw={TWELVE}"]
    assert down == [":0.8:", ":0.4:"]
    prompts = [
        text["Prompt"].replace(across[0], x).replace(down[0], y) for y in down for x in across
    ]
    assert [made["Prompt"] for _, made in found.values()] == prompts
    assert prompts[3] == f"<lora:tiny-03:0.4:lbw={TWELVE}> ohwx"
    assert all(made["Lora hashes"].startswith("tiny-03: ") for _, made in found.values())


def test_sd15_with_seventeen_numbers(tmp_path: Path) -> None:
    """A row of two block weights is what each is alone, and OUTS what it is by hand."""
    state: dict[str, Tensor] = file_of("lora", "sd15")
    files = {"x-01": tmp_path / "x-01.safetensors", "y-01": tmp_path / "y-01.safetensors"}
    save_lora(files["x-01"], state, {})
    late = {key: tensor for key, tensor in state.items() if "_up_blocks_2_" in key}
    save_lora(files["y-01"], late, {})
    numbers = ",".join("1" if place in (9, 10) else "0" for place in range(17))  # OUT04 and OUT05
    shot = Shot(prompt="", negative="", seed=1, steps=2, cfg=4.0, sampler="Euler", width=32, height=32)  # fmt: skip
    painter = Painter(load_model(tiny_sd15_folder(tmp_path)), files, print)
    made = []
    try:
        for tags in ((f"<lora:x-01:1:lbw={numbers}>", "<lora:x-01:1>"), ("<lora:y-01:1>",)):
            shots = [Shot(**{**vars(shot), "prompt": f"{tag} 1girl"}) for tag in tags]
            (batch,) = batches_of(map(painting_of, shots))
            made += painter.paint(batch, lambda step, steps: None)
    finally:
        painter.close()
    assert (made[0] - made[2]).abs().max() < 1e-4
    assert (made[0] - made[1]).abs().max() > 1e-3
