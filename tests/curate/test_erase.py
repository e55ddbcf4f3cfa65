"""Painting over a signature: OpenCV, or an inpainting model of the user's through spandrel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lorabake.core.dataset import scan_dataset
from lorabake.core.errors import DatasetError, ModelFileError
from lorabake.core.history import open_history
from lorabake.core.workspace import Workspace
from lorabake.curate.erase import NS, TELEA, erase, erase_in, inpaint_models, mask_from_boxes
from lorabake.engine.inpaint import inpaint
from tests.curate.drawings import drawing, read, save
from tests.enhance.models import save_pth, tiny_esrgan

SIZE = (160, 120)
MASK = mask_from_boxes([(40, 70, 60, 20), (-5, -5, 10, 10)], SIZE)


def signed(path: Path) -> Path:
    """A slope of colour with loud writing on it."""
    across = np.linspace(60, 200, SIZE[0])[None, :, None]
    rgb = np.broadcast_to(across, (SIZE[1], SIZE[0], 3)).astype(np.uint8).copy()
    rgb[72:88:4, 42:98] = (255, 0, 0)
    return save(Image.fromarray(rgb), path)


def test_a_mask_of_boxes() -> None:
    assert MASK.shape == (120, 160)
    assert MASK.sum() == 60 * 20 + 5 * 5
    assert not mask_from_boxes([(500, 500, 9, 9), (0, 0, -5, 9)], SIZE).any()


@pytest.mark.parametrize("method", [TELEA, NS])
def test_the_surroundings_go_on_below_the_writing(tmp_path: Path, method: str) -> None:
    path = signed(tmp_path / "a.png")
    before, after = read(path).astype(int), erase(path, MASK, method).astype(int)
    assert np.array_equal(after[~MASK], before[~MASK]), "nothing else changes, to the last bit"
    wanted = np.linspace(60, 200, SIZE[0])[40:100]
    assert np.abs(after[70:90, 40:100] - wanted[None, :, None]).max() < 25


def test_the_original_comes_back(tmp_path: Path) -> None:
    root = tmp_path / "set"
    path = signed(root / "1_a" / "a.png")
    path.with_suffix(".txt").write_text("kafka, signature", encoding="utf-8")
    before = path.read_bytes()
    (image,) = scan_dataset(root).images
    erase_in(root, image, MASK)
    (now,) = scan_dataset(root).images
    assert now.sha256 != image.sha256
    assert now.caption == image.caption
    open_history(root).undo()
    assert path.read_bytes() == before


def test_transparency_stays(tmp_path: Path) -> None:
    rgba = np.dstack((np.asarray(drawing(SIZE)), np.full((120, 160), 255, np.uint8)))
    rgba[:, :50, 3] = 90
    path = save(Image.fromarray(rgba), tmp_path / "a.png")
    assert np.array_equal(erase(path, MASK)[..., 3], rgba[..., 3])


def test_what_cannot_be_painted_is_a_sentence(tmp_path: Path) -> None:
    path = signed(tmp_path / "a.png")
    for mask, why in (
        (np.zeros_like(MASK), "Nothing is marked"),
        (np.ones_like(MASK), "More than half"),
        (MASK[:50], "was changed since"),
    ):
        with pytest.raises(DatasetError, match=why):
            erase(path, mask)
    for name in ("model.pt", "gone.pth"):
        with pytest.raises(ModelFileError, match=name):
            erase(path, MASK, str(tmp_path / name))


@pytest.fixture(scope="module")
def lama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LaMa whose weights are all zero, which paints one grey; a file of some kilobytes."""
    from spandrel.architectures.LaMa import LaMa

    with torch.device("meta"):
        shapes = {
            name: weights.shape for name, weights in LaMa(in_nc=4, out_nc=3).state_dict().items()
        }
    path = tmp_path_factory.mktemp("inpainting") / "big-lama.pth"
    torch.save({name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}, path)
    return path


def test_a_model_of_the_users_in_a_process_of_its_own(
    workspace: Path, lama: Path, tmp_path: Path
) -> None:
    space = Workspace.open(workspace)
    folder = space.models_dir / "inpainting"
    folder.mkdir(parents=True)
    (folder / lama.name).write_bytes(lama.read_bytes())
    (folder / "notes.txt").write_text("no model")
    (model,) = inpaint_models(space)
    path = signed(tmp_path / "a.png")
    after = erase(path, MASK, str(model))
    assert np.array_equal(after[~MASK], read(path)[~MASK])
    painted = after[MASK]
    assert (painted == painted[0]).all(), "what the model gives, and nothing of the writing"


def test_other_models_are_refused(tmp_path: Path) -> None:
    rgb = read(signed(tmp_path / "a.png"))
    upscaler = save_pth(tiny_esrgan(2), tmp_path / "2x-Tiny.pth")
    with pytest.raises(ModelFileError, match="may be an upscaler: put it into models/upscalers"):
        inpaint(upscaler, rgb, MASK)
    torch.save({"a": torch.zeros(1), "b": Path("x").touch}, tmp_path / "evil.pth")
    with pytest.raises(ModelFileError, match="holds more than numbers"):
        inpaint(tmp_path / "evil.pth", rgb, MASK)
