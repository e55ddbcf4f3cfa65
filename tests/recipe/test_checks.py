"""Advice before a bake: given when it helps, and silent when all is well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lorabake.core.dataset import Dataset, Problem
from lorabake.core.errors import RecipeError
from lorabake.recipe.checks import Advice, check_dataset, check_recipe, refuse_impossible
from lorabake.recipe.presets import load_recipe
from tests.recipe.datasets import concept, dataset
from tests.tiny import TINY_SDXL, tiny_sd15_folder, tiny_sdxl_folder, tiny_sdxl_single_file


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sdxl_folder(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def sd15(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sd15_folder(tmp_path_factory.mktemp("sd15"))


def about_recipe(preset: str = "pdxl", base: Path | None = None, **changes: Any) -> list[Advice]:
    return check_recipe(load_recipe(preset, changes), base)


@pytest.mark.parametrize("preset", ["pdxl", "illustrious"])
def test_the_guides_presets_need_no_advice(preset: str, base: Path) -> None:
    assert about_recipe(preset, base) == []
    all_sides = concept(20, 2, tags=("1girl", "from side", "from behind"))
    assert check_dataset(dataset(all_sides), load_recipe(preset)) == []


def test_the_preset_for_nai_needs_no_advice_either(sd15: Path) -> None:
    assert {one.level for one in about_recipe("nai15", sd15)} <= {"hint"}


def test_clip_skip_of_nai() -> None:
    sentence = "trained with clip skip 2"
    assert any(sentence in one.text for one in about_recipe("nai15", clip_skip=1))
    assert not any(sentence in one.text for one in about_recipe("nai15"))


def test_a_base_of_the_other_family(base: Path, sd15: Path) -> None:
    (advice,) = [one for one in about_recipe("nai15", base) if one.level == "warn"]
    assert "These settings are for SD 1.5, but tiny-sdxl-0 is an SDXL model" in advice.text
    (advice,) = about_recipe("pdxl", sd15)
    assert "These settings are for SDXL, but tiny-sd15-0 is an SD 1.5 model" in advice.text


@pytest.mark.parametrize(
    ("tensors", "changes", "sentences"),
    [
        ((), {}, []),
        (("v_pred", "ztsnr"), {}, []),
        ((), {"model.prediction": "epsilon", "model.zero_terminal_snr": "off"}, []),
        ((), {"model.prediction": "v"}, ["predicts noise (epsilon), but Prediction type says v"]),
        (("v_pred",), {"model.prediction": "epsilon"}, ["predicts velocity (v), but"]),
        (("v_pred", "ztsnr"), {"model.zero_terminal_snr": "off"}, ["Zero terminal SNR is off"]),
        (
            (),
            {"model.zero_terminal_snr": "on"},
            ["Zero terminal SNR is on", "without v-prediction"],
        ),
        ((), {"model.family": "sdxl"}, []),
    ],
)
def test_where_the_recipe_overrules_the_file(
    tmp_path: Path, tensors: tuple[str, ...], changes: dict[str, Any], sentences: list[str]
) -> None:
    path = tiny_sdxl_single_file(tmp_path)
    markers = {name: torch.ones(1) for name in tensors}
    config = json.dumps(TINY_SDXL)
    save_file(load_file(path) | markers, path, metadata={"lorabake.config": config})
    advice = about_recipe("pdxl", path, **changes)
    assert len(advice) == len(sentences)
    assert all(part in one.text for part, one in zip(sentences, advice, strict=True))
    assert {one.level for one in advice} <= {"warn"}


def test_a_file_without_a_vae_wants_one(tmp_path: Path) -> None:
    """“External VAE: SDXL VAE if training on PDXL / Illustrious”"""
    path = tiny_sdxl_single_file(tmp_path)
    tensors = {k: v for k, v in load_file(path).items() if not k.startswith("first_stage_model.")}
    save_file(tensors, path, metadata={"lorabake.config": json.dumps(TINY_SDXL)})
    (advice,) = about_recipe("pdxl", path)
    assert (advice.id, advice.level) == ("vae.missing", "stop")
    assert "has no VAE inside. Choose one as External VAE" in advice.text
    assert about_recipe("pdxl", path, vae="sdxl_vae.safetensors") == []


def test_a_family_that_the_file_is_not(base: Path) -> None:
    texts = [one.text for one in about_recipe("pdxl", base, **{"model.family": "sd15"})]
    assert any("says that it is an SDXL checkpoint, but Model family" in text for text in texts)


@pytest.mark.parametrize(
    ("changes", "level", "sentence"),
    [
        ({"clip_skip": 2}, "hint", "Clip skip has no effect on SDXL"),
        ({"unet_lr": 0, "text_encoder_lr": 0}, "stop", "Nothing would be trained"),
        ({"train_unet": False, "text_encoder_lr": 0}, "stop", "Nothing would be trained"),
        ({"min_bucket_reso": 1088}, "warn", "every picture is cut square"),
        ({"lr_scheduler": "constant_with_warmup"}, "hint", "the guide uses 0.05"),
        ({"lr_scheduler": "cosine_with_restarts"}, "hint", "does not restart with 1 cycle"),
        ({"lr_scheduler_num_cycles": 3}, "hint", "REX has no restarts"),
    ],
)
def test_settings_that_disappoint_are_named(
    changes: dict[str, Any], level: str, sentence: str
) -> None:
    (advice,) = about_recipe(**changes)
    assert (advice.level, sentence in advice.text) == (level, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"unet_lr": 0},
        {"text_encoder_lr": 0},
        {"min_bucket_reso": 1024},
        {"min_bucket_reso": 1088, "enable_bucket": False},
        {"lr_scheduler": "constant_with_warmup", "warmup_ratio": 0.05},
        {"lr_scheduler": "cosine_with_restarts", "lr_scheduler_num_cycles": 3},
        {"lr_scheduler": "rex_annealing_warm_restarts", "lr_scheduler_num_cycles": 3},
    ],
)
def test_settings_that_work_are_not_remarked_on(changes: dict[str, Any]) -> None:
    assert about_recipe(**changes) == []


def test_bucket_steps_must_fit_the_model(base: Path) -> None:
    """The tiny model wants multiples of 16."""
    (advice,) = about_recipe(base=base, bucket_reso_steps=40)
    assert advice.level == "stop"
    assert "needs a multiple of 16" in advice.text
    assert about_recipe(base=base, bucket_reso_steps=48) == []


def test_a_base_that_is_no_model_is_named(tmp_path: Path) -> None:
    picture = tmp_path / "model.safetensors"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" * 10)
    (advice,) = about_recipe(base=picture)
    assert advice.level == "stop"
    assert "model.safetensors" in advice.text


def texts(data: Dataset, **changes: Any) -> list[tuple[str, str]]:
    return [(a.level, a.text) for a in check_dataset(data, load_recipe("pdxl", changes))]


def test_an_empty_dataset_is_refused() -> None:
    advice = check_dataset(dataset(), load_recipe("pdxl"))
    assert [remark.level for remark in advice] == ["stop"]
    with pytest.raises(RecipeError, match="no pictures to train on"):
        refuse_impossible(advice)


def test_only_what_is_impossible_is_refused() -> None:
    refuse_impossible([])
    refuse_impossible([Advice("warn", "w"), Advice("hint", "h")])


def test_unusable_files_are_counted() -> None:
    problems = tuple(
        Problem(Path("a.png"), "…", level) for level in ("error", "warning", "note", "error")
    )
    ((level, text),) = texts(dataset(concept(4), problems=problems))
    assert (level, text.startswith("2 files cannot be used")) == ("warn", True)


def test_missing_captions_are_counted() -> None:
    none = concept(2, tags=())
    assert texts(dataset(none))[0][1].startswith("No picture has a caption")
    assert texts(dataset(none, concept(2)))[0][1].startswith("2 of 4 pictures have no caption")


def test_a_trigger_word_that_would_be_shuffled_is_named() -> None:
    """“If you have a trigger word, make sure that Keep Tokens is set to at least 1.”"""
    ((level, text),) = texts(dataset(concept(4, trigger="kafka")), keep_tokens=0)
    assert (level, "“kafka”" in text) == ("warn", True)
    several = dataset(concept(2, trigger="kafka"), concept(2, trigger="zeta"))
    ((level, text),) = texts(several, keep_tokens=0)
    assert (level, text[:35]) == ("warn", "2 folders have a trigger word in fr")
    assert texts(dataset(concept(4)), keep_tokens=0, shuffle_caption=False) == []


def test_many_shapes_with_few_pictures_are_named() -> None:
    shapes = [(1024, 1024), (832, 1216), (1216, 832), (896, 1152)]
    ((level, text),) = texts(dataset(concept(shapes)))
    assert level == "hint"
    assert "4 shapes" in text
    assert "40 steps instead of the simple sum's 20" in text
    assert texts(dataset(concept(shapes, repeats=2))) == []
