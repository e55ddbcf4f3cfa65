"""Latents are what the VAE says of a picture, together or alone, and never those of another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from lorabake.core.buckets import letterbox_offset
from lorabake.core.dataset import scan_dataset
from lorabake.core.errors import TrainingError
from lorabake.engine.families import load_model
from lorabake.recipe.presets import load_recipe
from lorabake.recipe.recipe import Recipe
from lorabake.train.batches import Batch, TrainImage, View, epoch_batches, train_images, view_of
from lorabake.train.encoding import grouped, pictures_at_once, weights_key
from lorabake.train.latents import LatentCache
from lorabake.train.masks import Masks, missing_note
from lorabake.train.pixels import with_gamma, with_hue
from tests.bakes import TINY, draw_dataset

SIZES = [(32, 32), (40, 40), (32, 64), (30, 50), (36, 33), (33, 32)]


@pytest.fixture(scope="module")
def model(tiny_base: Path) -> Any:
    return load_model(tiny_base, parts=("vae",))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return draw_dataset(tmp_path / "data", SIZES)


def images_of(data: Path, recipe: Recipe) -> list[TrainImage]:
    return train_images(scan_dataset(data), recipe)


def recipe(**changes: Any) -> Recipe:
    return load_recipe("pdxl", TINY | changes)


def filled(data: Path, model: Any, folder: Path | None, **changes: Any) -> tuple[LatentCache, int]:
    cache = LatentCache(folder, model, recipe(**changes))
    images = images_of(data, recipe(**changes))
    return cache, cache.fill(images, lambda done, total: None, lambda: False)


def test_together_is_as_alone(tmp_path: Path, data: Path, model: Any) -> None:
    together, count = filled(data, model, tmp_path / "latents")
    assert count == len(SIZES)
    for image in images_of(data, recipe()):
        alone = LatentCache(None, model, recipe())
        alone.fill([image], lambda done, total: None, lambda: False)
        one, other = together.get(View(image)), alone.get(View(image))
        assert one.mean.shape == (4, image.bucket[1] // 4, image.bucket[0] // 4)
        torch.testing.assert_close(one.mean, other.mean, atol=2e-3, rtol=2e-3)
        torch.testing.assert_close(one.std, other.std, atol=2e-3, rtol=2e-3)


def test_pictures_of_one_bucket_are_encoded_together(
    tmp_path: Path, data: Path, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    encode = type(model).encode_images

    def watched(self: Any, pixels: torch.Tensor) -> Any:
        sizes.append(len(pixels))
        return encode(self, pixels)

    monkeypatch.setattr(type(model), "encode_images", watched)
    filled(data, model, tmp_path / "latents")
    assert sum(sizes) == len(SIZES)
    assert max(sizes) > 1


def test_how_many_at_once_depends_on_the_bucket_and_the_memory() -> None:
    assert [pictures_at_once((side, side), "cpu", 0) for side in (64, 512, 768, 1024, 2048)] == [
        *(4, 4, 1, 1, 1)
    ]
    assert pictures_at_once((1024, 1024), "cuda", 24 * 1024**3) == 4
    assert pictures_at_once((1024, 1024), "cuda", 1024**3) == 1
    assert pictures_at_once((64, 64), "cuda", 80 * 1024**3) == 16


def test_groups_never_mix_buckets(data: Path) -> None:
    images = images_of(data, recipe())
    groups = grouped([(image, [View(image)]) for image in images], "cpu", 0)
    for group in groups:
        assert len({image.bucket for image, _ in group}) == 1
        assert len(group) <= 4
    assert sorted(str(i.path) for g in groups for i, _ in g) == sorted(str(i.path) for i in images)


def test_only_the_edited_picture_is_encoded_again(tmp_path: Path, data: Path, model: Any) -> None:
    folder = tmp_path / "latents"
    assert filled(data, model, folder)[1] == len(SIZES)
    assert filled(data, model, folder)[1] == 0
    edited = data / "2_ohwx" / "03.png"
    before = edited.read_bytes()
    Image.open(edited).rotate(180).save(edited)
    assert filled(data, model, folder)[1] == 1
    edited.write_bytes(before)
    assert filled(data, model, folder)[1] == 0, "what was undone is found again"


def test_nothing_stale_is_used(tmp_path: Path, data: Path, model: Any) -> None:
    folder = tmp_path / "latents"
    filled(data, model, folder)
    assert filled(data, model, folder, resolution=48)[1] > 0
    assert filled(data, model, folder, matte="#00ff00")[1] == len(SIZES)
    assert filled(data, model, folder, flip_aug=True)[1] == len(SIZES)
    assert filled(data, model, folder)[1] == 0
    other = load_model(model.base_path, parts=("vae",))
    with torch.no_grad():
        next(iter(other.vae.parameters())).view(-1)[-1] += 1e-3
    assert filled(data, other, folder)[1] == len(SIZES)


def test_a_key_hangs_on_every_weight_and_its_place() -> None:
    one = torch.nn.Linear(3, 3)
    key = weights_key(one)
    assert weights_key(one) == key
    for change in (
        lambda w: w.flip(0),
        lambda w: w.t().contiguous(),
        lambda w: w + torch.eye(3) * 1e-6,
    ):
        other = torch.nn.Linear(3, 3)
        other.load_state_dict({"weight": change(one.weight.detach()), "bias": one.bias})
        assert weights_key(other) != key
    assert weights_key(torch.nn.Linear(3, 3).half()) != key


def test_the_matte_lies_under_transparent_parts(tmp_path: Path, model: Any) -> None:
    concept = tmp_path / "data" / "1_x"
    concept.mkdir(parents=True)
    picture = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 16, 32))
    picture.save(concept / "1.png")
    painted = Image.new("RGB", (32, 32), "#204060")
    painted.paste((255, 0, 0), (0, 0, 16, 32))
    painted.save(concept / "2.png")
    one, two = images_of(tmp_path / "data", recipe(matte="#204060"))
    cache, _ = filled(tmp_path / "data", model, None, matte="#204060")
    assert torch.equal(cache.get(View(one)).mean, cache.get(View(two)).mean)


def test_mirrored_pictures_have_latents_of_their_own(tmp_path: Path, model: Any) -> None:
    data = draw_dataset(tmp_path / "data", [(32, 32)])
    picture = data / "2_ohwx" / "01.png"
    lopsided = Image.open(picture)
    lopsided.paste("white", (0, 0, 7, 32))
    lopsided.save(picture)
    (image,) = images_of(data, recipe(flip_aug=True))
    cache, _ = filled(data, model, tmp_path / "latents", flip_aug=True)
    mirrored = cache.get(View(image, flipped=True)).mean
    assert not torch.equal(mirrored, cache.get(View(image)).mean)
    lopsided.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(picture)
    by_hand, _ = filled(data, model, None)
    (turned,) = images_of(data, recipe())
    torch.testing.assert_close(mirrored, by_hand.get(View(turned)).mean, atol=2e-3, rtol=2e-3)


def test_coins_are_thrown_by_batch_and_slot() -> None:
    image = TrainImage(Path("x"), "s", (40, 32), (32, 32), (40, 32), 1, ())
    varied = replace(image, augment=recipe(flip_aug=True, random_crop=True, color_aug=True).augment)
    views = [view_of(Batch(n, (varied,) * 2), slot, 1) for n in range(500) for slot in (0, 1)]
    again = [view_of(Batch(n, (varied,) * 2), slot, 1) for n in range(500) for slot in (0, 1)]
    assert views == again
    assert 430 < sum(view.flipped for view in views) < 570
    assert {view.corner for view in views} == {(left, 0) for left in range(9)}
    hues, gammas = [v.hue for v in views if v.hue], [v.gamma for v in views if v.gamma != 1]
    assert 110 < len(hues) < 220
    assert 110 < len(gammas) < 220
    assert all(abs(hue) <= 16 for hue in hues)
    assert all(0.95 <= gamma <= 1.05 for gamma in gammas)
    assert not any(view.hue and view.gamma != 1 for view in views)
    assert view_of(Batch(3, (image,)), 0, 1) == View(image)
    assert letterbox_offset((30, 50), (32, 48), flipped=True) != (0, 1)


def test_what_varies_is_encoded_at_each_step(tmp_path: Path, data: Path, model: Any) -> None:
    cache, count = filled(data, model, tmp_path / "latents", random_crop=True)
    assert count == 0
    image = next(i for i in images_of(data, recipe(random_crop=True)) if i.resized != i.bucket)
    room = image.resized[0] - image.bucket[0], image.resized[1] - image.bucket[1]
    first, last = cache.get(View(image, corner=(0, 0))), cache.get(View(image, corner=room))
    assert not torch.equal(first.mean, last.mean)
    assert filled(data, model, tmp_path / "latents", cache_latents=False)[1] == 0


@pytest.mark.parametrize("exact", [False, True])
def test_each_step_draws_anew_unless_it_is_kohyas(data: Path, model: Any, exact: bool) -> None:
    cache, _ = filled(data, model, None, kohya_exact=exact)
    images = images_of(data, recipe())[:1]
    first, second = (cache.draw(Batch(n, tuple(images)), range(1)) for n in (1, 2))
    assert torch.equal(first, second) is exact
    assert torch.equal(first, cache.draw(Batch(1, tuple(images)), range(1)))


def test_a_split_batch_draws_the_same(data: Path, model: Any) -> None:
    cache, _ = filled(data, model, None, flip_aug=True)
    images = images_of(data, recipe(flip_aug=True))
    batches = epoch_batches(images, epoch=1, batch_size=4, seed=23)
    batch = max(batches, key=lambda b: len(b.images))
    whole = cache.draw(batch, range(len(batch.images)))
    parts = [cache.draw(batch, range(slot, slot + 1)) for slot in range(len(batch.images))]
    assert torch.equal(whole, torch.cat(parts))


def test_a_picture_that_changed_meanwhile_is_not_taken(data: Path, model: Any) -> None:
    images = images_of(data, recipe())
    Image.new("RGB", (32, 32), "red").save(images[0].path)
    with pytest.raises(TrainingError, match=r"01\.png was changed after this bake was started"):
        LatentCache(None, model, recipe()).fill(images, lambda done, total: None, lambda: False)


def test_colours(data: Path) -> None:
    import numpy as np

    red = np.zeros((2, 2, 3), dtype=np.uint8) + np.array([200, 0, 0], dtype=np.uint8)
    green = with_hue(red, 120)[0, 0]
    assert green[1] >= 195
    assert max(green[0], green[2]) <= 5
    assert with_gamma(red, 1.0).tolist() == red.tolist()
    assert with_gamma(red, 1.05)[0, 0].tolist() == [198, 0, 0]
    assert with_gamma(red + 55, 1.05).max() == 255


def test_masks(tmp_path: Path, data: Path) -> None:
    concept = data / "2_ohwx"
    (concept / "masks").mkdir()
    half = Image.new("RGB", (32, 32), "black")
    half.paste("white", (0, 0, 16, 32))
    half.save(concept / "masks" / "01.png")
    images = images_of(data, recipe())
    assert len(images) == len(SIZES), "masks are no pictures to train on"
    masks = Masks("folder", 4)
    plain, mirrored = masks.of([View(images[0]), View(images[0], flipped=True)])  # type: ignore[misc]
    assert plain.shape == (1, 8, 8)
    assert plain[0, :, :4].min() == 1
    assert plain[0, :, 4:].max() == 0
    assert torch.equal(mirrored, plain.flip(-1))
    assert masks.of([View(images[1])]).min() == 1  # type: ignore[union-attr]
    assert masks.missing(images) == [image.path for image in images[1:]]
    assert missing_note(masks.missing(images)).startswith("02.png and 4 others have no mask")
    assert Masks("off", 4).of([View(images[0])]) is None


def test_the_alpha_channel_as_a_mask(tmp_path: Path) -> None:
    concept = tmp_path / "data" / "1_x"
    concept.mkdir(parents=True)
    picture = Image.new("RGBA", (40, 32), (9, 9, 9, 0))
    picture.paste((255, 0, 0, 128), (0, 0, 20, 32))
    picture.save(concept / "1.png")
    Image.new("RGB", (32, 32)).save(concept / "2.png")
    one, two = images_of(tmp_path / "data", recipe(random_crop=True))
    mask = Masks("alpha", 4).of([View(one, corner=(8, 0))])
    assert mask is not None
    # the picture's left half, of which the cut leaves 8 … 20 px of 40: 3 of 8 columns
    torch.testing.assert_close(mask[0, 0, 0], torch.tensor([128 / 255] * 3 + [0.0] * 5))
    assert Masks("alpha", 4).of([View(two)]).min() == 1  # type: ignore[union-attr]
