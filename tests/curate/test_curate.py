"""Cuts carry their captions and come back; figures see blur, bars and colours; flags say why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from lorabake.core.angles import missing
from lorabake.core.dataset import Dataset, scan_dataset
from lorabake.core.history import open_history
from lorabake.core.image import load_rgb
from lorabake.core.index import Index
from lorabake.curate.applying import apply_crops, tags_of_cut
from lorabake.curate.crop import Box, crops_of, set_crops, snap
from lorabake.curate.flags import flags, norms
from lorabake.curate.measures import kept_measures, measure, measure_many


def drawing(size: tuple[int, int] = (400, 300), seed: int = 0) -> Image.Image:
    """Sharp blocks of many colours."""
    small = np.random.default_rng(seed).integers(0, 256, (size[1] // 20, size[0] // 20, 3))
    return Image.fromarray(small.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)


def data_set(root: Path) -> Dataset:
    folder = root / "5_kafka"
    folder.mkdir(parents=True)
    drawing().save(folder / "a.png")
    (folder / "a.txt").write_text("kafka, multiple views, solo", encoding="utf-8")
    return scan_dataset(root)


def test_cuts_carry_the_caption_and_are_undone_together(tmp_path: Path) -> None:
    (image,) = data_set(tmp_path).images
    boxes = [Box(20, 40, 100, 60), Box(200, 0, 80, 120, rotate=90)]
    apply_crops(tmp_path, image, boxes, keep_original=False, change_tags=tags_of_cut)
    cuts = scan_dataset(tmp_path).images
    assert sorted((one.width, one.height) for one in cuts) == [(100, 60), (120, 80)]
    assert all("multiple views" not in one.caption.tags for one in cuts)
    assert all("kafka" in one.caption.tags for one in cuts)
    whole = np.asarray(drawing())
    plain = next(one for one in cuts if one.width == 100)
    assert np.array_equal(load_rgb(plain.path), whole[40:100, 20:120])
    turned = next(one for one in cuts if one.width == 120)
    assert np.array_equal(load_rgb(turned.path), np.rot90(whole[0:120, 200:280], -1))
    open_history(tmp_path).undo()
    assert [one.sha256 for one in scan_dataset(tmp_path).images] == [image.sha256]


def test_boxes_are_kept_by_content_and_snap_to_shapes(tmp_path: Path) -> None:
    (image,) = data_set(tmp_path).images
    size = (image.width, image.height)
    box = snap(Box(10, 10, 130, 90), [(64, 64), (96, 64), (64, 96)], size)
    assert abs(box.width / box.height - 1.5) < 0.02
    assert abs(box.width * box.height - 130 * 90) < 300
    set_crops(tmp_path, image.sha256, size, [box])
    image.path.rename(image.path.with_name("b.png"))
    assert crops_of(tmp_path, image.sha256) == (box,)
    open_history(tmp_path).undo()
    assert crops_of(tmp_path, image.sha256) == ()


def test_figures_see_what_was_done_to_a_picture() -> None:
    sharp = drawing((800, 600))
    plain = measure(np.asarray(sharp))
    soft = measure(np.asarray(sharp.filter(ImageFilter.GaussianBlur(4))))
    assert soft.blur > 2 * plain.blur > 0
    assert plain.mono == ""
    assert measure(np.asarray(sharp.convert("L").convert("RGB"))).mono == "grey"
    barred = Image.new("RGB", (800, 600), "black")
    barred.paste(sharp.resize((800, 480)), (0, 60))
    bars = measure(np.asarray(barred)).letterbox
    assert bars[0] == bars[2] == 0
    assert abs(bars[1] - 0.1) < 0.02
    assert abs(bars[3] - 0.1) < 0.02
    assert plain.letterbox == (0, 0, 0, 0)
    usual = norms([plain, plain, soft])
    assert "blurred" in {flag.kind for flag in flags((800, 600), soft, (), usual=usual)}
    assert "blurred" not in {flag.kind for flag in flags((800, 600), plain, (), usual=usual)}


def test_figures_are_computed_once(tmp_path: Path) -> None:
    images = data_set(tmp_path).images
    index = Index(tmp_path / "index.sqlite")
    first = measure_many(index, images).found
    assert kept_measures(index, [images[0].sha256]) == first
    images[0].path.unlink()
    assert measure_many(index, images).found == first
    index.close()


def test_flags_name_the_tags_and_the_meter_what_is_missing() -> None:
    found = flags((800, 600), None, ("multiple views", "signature", "2girls", "kafka"))
    kinds = {flag.kind for flag in found}
    assert {"signature"} <= kinds
    assert any("signature" in flag.why for flag in found)
    needs = {need.kind: need for need in missing([("from side", "solo")] + [("solo",)] * 40)}
    assert needs["from side"].have == 1
    assert needs["from behind"].have == 0
    assert needs["from behind"].sentence
    assert missing([]) == ()
