"""What a folder wants of its own is written beside its pictures, and frozen with the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from lorabake.core.concept_settings import (
    FILE_NAME,
    ConceptSettings,
    overridden,
    read_concept_settings,
    write_concept_settings,
)
from lorabake.core.dataset import scan_dataset
from lorabake.core.errors import DatasetError, RecipeError
from lorabake.core.manifest import freeze, thaw
from lorabake.core.settings import setting_fields
from lorabake.recipe.settings import AugmentSettings, CaptionSettings


def pictures(folder: Path, count: int = 2, caption: str = "zeta, smile") -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (32, 32), (number, len(folder.name), 9)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(caption, encoding="utf-8")
    return folder


def test_written_and_read_back(tmp_path: Path) -> None:
    assert read_concept_settings(tmp_path) == ConceptSettings()
    wanted = ConceptSettings(is_reg=True, keep_tokens=0, shuffle_caption=False, flip_aug=True)
    write_concept_settings(tmp_path, wanted)
    text = (tmp_path / FILE_NAME).read_text(encoding="utf-8")
    assert text.splitlines() == [
        "is_reg = true",
        "keep_tokens = 0",
        "shuffle_caption = false",
        "flip_aug = true",
    ]
    assert read_concept_settings(tmp_path) == wanted
    write_concept_settings(tmp_path, ConceptSettings())
    assert not (tmp_path / FILE_NAME).exists(), "nothing to say"


def test_a_folder_says_only_what_it_wants_differently() -> None:
    captions = CaptionSettings(keep_tokens=3, caption_prefix="x")
    own = ConceptSettings(keep_tokens=0, flip_aug=True)
    assert overridden(captions, own) == CaptionSettings(keep_tokens=0, caption_prefix="x")
    assert overridden(AugmentSettings(), own) == AugmentSettings(flip_aug=True)
    assert overridden(captions, ConceptSettings()) is captions


def test_limits_are_those_of_the_recipe() -> None:
    recipe = {
        spec.name: spec
        for cls in (CaptionSettings, AugmentSettings)
        for spec in setting_fields(cls)
    }
    for spec in setting_fields(ConceptSettings):
        if spec.name in recipe:
            other = recipe[spec.name]
            assert (spec.type, spec.label, spec.unit) == (other.type, other.label, other.unit)
            assert (spec.minimum, spec.maximum) == (other.minimum, other.maximum)


@pytest.mark.parametrize(
    "text",
    ["keep_tokens = -1", "unknown = 1", "is_reg = 'perhaps'", "[", "mask_folder = '../../etc'"],
)
def test_a_file_that_does_not_fit_is_named_and_left_out(tmp_path: Path, text: str) -> None:
    folder = pictures(tmp_path / "5_zeta")
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError):
        read_concept_settings(folder)
    found = scan_dataset(tmp_path)
    assert found.concepts[0].settings == ConceptSettings()
    assert [p.path.name for p in found.problems] == [FILE_NAME]
    assert "without its own settings" in found.problems[0].sentence


def test_regularisation_is_not_counted_in_t(tmp_path: Path) -> None:
    pictures(tmp_path / "5_zeta")
    write_concept_settings(pictures(tmp_path / "1_girl"), ConceptSettings(is_reg=True))
    found = scan_dataset(tmp_path)
    assert [concept.is_reg for concept in found.concepts] == [True, False]
    assert found.seen_per_epoch == 10


def test_all_of_it_is_frozen(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "5_zeta", caption="zeta\n{red|blue} hair")
    write_concept_settings(folder, ConceptSettings(is_reg=True, token_warmup_step=0.5))
    pictures(folder / "masks")
    found = scan_dataset(tmp_path)
    assert found.concepts[0].masks == folder / "masks"
    assert found.images[0].lines == ("zeta", "{red|blue} hair")
    assert thaw(json.loads(json.dumps(freeze(found)))).concepts == found.concepts


def test_manifests_of_earlier_versions_load(tmp_path: Path) -> None:
    pictures(tmp_path / "5_zeta")
    found = scan_dataset(tmp_path)
    frozen = json.loads(json.dumps(freeze(found)))
    for concept in frozen["concepts"]:
        del concept["settings"], concept["masks"]
    assert thaw(frozen).concepts == found.concepts


@pytest.mark.parametrize(
    ("key", "value"),
    [("settings", {"keep_tokens": -5}), ("settings", {"x": 1}), ("settings", 3), ("masks", "../x")],
)
def test_a_manifest_that_was_tampered_with_is_refused(
    tmp_path: Path, key: str, value: object
) -> None:
    pictures(tmp_path / "5_zeta")
    frozen = json.loads(json.dumps(freeze(scan_dataset(tmp_path))))
    frozen["concepts"][0][key] = value
    with pytest.raises(DatasetError, match="damaged"):
        thaw(frozen)


@pytest.mark.parametrize(
    ("masks", "settings"),
    [
        ("5_zeta/masks", ConceptSettings()),
        ("5_zeta_mask", ConceptSettings()),
        ("cut outs", ConceptSettings(mask_folder="cut outs")),
        ("5_zeta/mine", ConceptSettings(mask_folder="mine")),
    ],
)
def test_masks_are_found_and_not_trained_on(
    tmp_path: Path, masks: str, settings: ConceptSettings
) -> None:
    write_concept_settings(pictures(tmp_path / "5_zeta"), settings)
    pictures(tmp_path / masks)
    found = scan_dataset(tmp_path)
    assert [concept.name for concept in found.concepts] == ["5_zeta"]
    assert found.concepts[0].masks == tmp_path / masks
    assert found.problems == ()
