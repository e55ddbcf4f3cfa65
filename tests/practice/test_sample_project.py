"""The sample project: 24 captioned pictures of a character the model has never seen."""

import filecmp
from pathlib import Path

import pytest
from PIL import Image

from lorabake.practice import SAMPLE_DIR, SAMPLE_TRIGGER
from lorabake.practice.sample_project import PICTURES, REPEATS, SIZE, write_sample

PAIRS = sorted((SAMPLE_DIR / f"{REPEATS}_{SAMPLE_TRIGGER}").glob("*.png"))


def test_24_pictures_with_a_caption_each() -> None:
    assert len(PAIRS) == PICTURES == 24
    assert all(picture.with_suffix(".txt").is_file() for picture in PAIRS)


@pytest.mark.parametrize("picture", PAIRS, ids=lambda path: path.stem)
def test_each_is_small_square_and_captioned_with_the_trigger_first(picture: Path) -> None:
    with Image.open(picture) as image:
        assert image.size == (SIZE, SIZE)
    assert picture.stat().st_size < 20_000
    caption = picture.with_suffix(".txt").read_text(encoding="utf-8").strip().split(", ")
    assert caption[0] == SAMPLE_TRIGGER
    assert not any("hair" in tag or "eyes" in tag or "scarf" in tag for tag in caption)


def test_it_can_be_drawn_again(tmp_path: Path) -> None:
    for again in write_sample(tmp_path)[:3]:
        shipped = SAMPLE_DIR / again.parent.name / again.name
        with Image.open(again) as one, Image.open(shipped) as two:
            assert one.convert("RGB").tobytes() == two.convert("RGB").tobytes()
        caption = again.with_suffix(".txt")
        assert filecmp.cmp(caption, shipped.with_suffix(".txt"), shallow=False)
