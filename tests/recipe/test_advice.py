"""Every rule speaks when it helps, is silent when not, and its one click settles the matter."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lorabake.core.caption import parse_caption
from lorabake.core.concept_settings import ConceptSettings
from lorabake.core.dataset import Concept, Dataset
from lorabake.recipe.checks import (
    Advice,
    Machine,
    apply_fix,
    check_dataset,
    check_machine,
    check_recipe,
)
from lorabake.recipe.memory import estimate
from lorabake.recipe.models import SHIPPED
from lorabake.recipe.presets import load_recipe
from lorabake.recipe.recipe import Recipe, with_setting
from tests.recipe.datasets import concept, dataset

ALL_SIDES = ("1girl", "from side", "from behind")


def named(advice: list[Advice], id: str) -> Advice:
    found = [one for one in advice if one.id == id]
    assert len(found) == 1, [one.id for one in advice]
    return found[0]


# --- rules about the settings --------------------------------------------------------------------

# preset · changes · id of the rule · level · does a click settle it?
SETTINGS: list[tuple[str, dict[str, Any], str, str, bool]] = [
    ("pdxl", {"clip_skip": 2}, "clip_skip.sdxl", "hint", True),
    ("nai15", {"clip_skip": 1}, "clip_skip.nai", "hint", True),
    ("pdxl", {"no_half_vae": False}, "vae.half", "warn", True),
    ("pdxl", {"lr_scheduler": "constant_with_warmup"}, "warmup.none", "hint", True),
    ("pdxl", {"lr_scheduler": "constant", "warmup_ratio": 0.05}, "warmup.unused", "hint", True),
    ("pdxl", {"warmup_ratio": 0.05}, "warmup.schedule", "hint", True),
    ("pdxl", {"warmup_steps": 20}, "warmup.schedule", "hint", True),
    ("pdxl", {"lr_scheduler_num_cycles": 3}, "schedule.rex_cycles", "hint", True),
    ("nai15", {}, "schedule.one_cycle", "hint", False),
    ("pdxl", {"network_alpha": 8}, "rates.alpha", "hint", True),
    ("nai15", {"network_dim": 64}, "rates.alpha", "hint", True),
    ("illustrious", {"batch_size": 4}, "rates.batch", "hint", True),
    ("pdxl", {"gradient_accumulation_steps": 4}, "rates.batch", "hint", True),
    ("pdxl", {"dora": True}, "dora.type", "hint", True),
    ("pdxl", {"dora": True, "network.type": "locon"}, "dora.rate", "hint", True),
    ("pdxl", {"min_bucket_reso": 1088}, "bucket.minimum", "warn", True),
    ("pdxl", {"unet_lr": 1}, "rates.burn", "warn", True),
    ("pdxl", {"optimizer.type": "prodigy"}, "prodigy.rates", "warn", True),
    ("pdxl", {"model.base": "practice"}, "rates.practice", "warn", True),
    ("pdxl", {"min_timestep": 500, "max_timestep": 500}, "noise.timesteps", "stop", True),
    ("pdxl", {"keep_tokens_separator": ","}, "captions.separator", "stop", True),
    ("pdxl", {"unet_lr": 0, "text_encoder_lr": 0}, "rates.nothing", "stop", False),
]


@pytest.mark.parametrize(
    ("preset", "changes", "id", "level", "clicks"),
    SETTINGS,
    ids=[f"{s[2]} {s[1]}" for s in SETTINGS],
)
def test_a_rule_about_settings(
    preset: str, changes: dict[str, Any], id: str, level: str, clicks: bool
) -> None:
    recipe = load_recipe(preset, changes)
    advice = named(check_recipe(recipe), id)
    assert advice.level == level
    assert (advice.fix is not None) == clicks
    if advice.fix:
        assert advice.fix.label.startswith("Set ")
        assert id not in [one.id for one in check_recipe(apply_fix(recipe, advice.fix))]


@pytest.mark.parametrize(
    "changes",
    [
        {"network_dim": 32, "network_alpha": 16},
        {"batch_size": 1},
        {"batch_size": 3},
        {"batch_size": 8, "unet_lr": 2e-4},  # its owner chose another rate
        {"network_alpha": 8, "unet_lr": 2e-5},
        {"lr_scheduler": "constant_with_warmup", "warmup_steps": 20},
    ],
)
def test_what_is_as_it_should_be_is_not_remarked_on(changes: dict[str, Any]) -> None:
    assert check_recipe(load_recipe("pdxl", changes)) == []


def test_rates_follow_the_square_root_of_the_batch() -> None:
    recipe = load_recipe("pdxl", {"batch_size": 8})
    fix = named(check_recipe(recipe), "rates.batch").fix
    assert fix is not None
    assert fix.changes == {"optimizer.unet_lr": 2e-4, "optimizer.text_encoder_lr": 2e-6}
    assert fix.label == "Set Unet learning rate to 0.0002 and TE learning rate to 2e-06"


# --- rules about this computer -------------------------------------------------------------------

CARD = Machine("cuda", 12 * 1024, knows_bf16=True, has_8bit=True)
OLD = Machine("cuda", 6 * 1024, knows_bf16=False, has_8bit=False)


def settled(recipe: Recipe, base: Path | None, machine: Machine, id: str) -> Recipe:
    fix = named(check_machine(recipe, base, machine), id).fix
    assert fix is not None
    recipe = apply_fix(recipe, fix)
    assert id not in [one.id for one in check_machine(recipe, base, machine)]
    return recipe


def test_an_old_card_is_told_what_the_guide_says_of_it() -> None:
    """“fp16 if your hardware doesn't support bf16” · “AdamW if you have an old graphics card”"""
    recipe = load_recipe("nai15")
    recipe = settled(recipe, None, OLD, "precision.no_bf16")
    recipe = settled(recipe, None, OLD, "optimizer.no_8bit")
    assert (recipe.general.mixed_precision, recipe.optimizer.type) == ("fp16", "adamw")
    assert recipe.optimizer.args == load_recipe("nai15").optimizer.args
    assert check_machine(load_recipe("nai15"), None, CARD) == []
    assert check_machine(load_recipe("nai15"), None, Machine("cuda")) == []
    settled(load_recipe("pdxl", {"mixed_precision": "fp16"}), None, CARD, "precision.fp16")


def test_memory_decides_about_batch_size_and_checkpointing() -> None:
    """“Set it to 1 to save on VRAM” · “Set it to False if you got enough VRAM”"""
    base = SHIPPED["practice"]
    # It is so small that only large batches weigh something.
    recipe, one = (
        load_recipe("pdxl", {"batch_size": 64, "unet_lr": 3e-3}),
        load_recipe("pdxl", {"batch_size": 1}),
    )
    at_2, at_1 = estimate(recipe, base), estimate(one, base)
    assert at_2 is not None
    assert at_1 is not None
    large, enough, small, tiny = (
        Machine("cuda", mib / 0.94)
        for mib in (at_2.plain_mib, at_2.checkpointed_mib, at_1.checkpointed_mib, at_1.weights)
    )
    assert check_machine(recipe, base, large) == check_machine(recipe, base, enough) == []
    settled(with_setting(recipe, "gradient_checkpointing", "on"), base, large, "memory.plenty")
    off = with_setting(recipe, "gradient_checkpointing", "off")
    assert check_machine(off, base, large) == []
    settled(off, base, enough, "memory.checkpointing")
    assert "1, which is enough" in named(check_machine(recipe, base, small), "memory.batch").text
    assert check_machine(settled(recipe, base, small, "memory.batch"), base, small) == []
    assert "lower the resolution" in named(check_machine(recipe, base, tiny), "memory.batch").text
    assert "Lower the resolution" in named(check_machine(one, base, tiny), "memory.resolution").text


# --- rules about the pictures --------------------------------------------------------------------


def about(data: Dataset, preset: str = "pdxl", **changes: Any) -> list[Advice]:
    return check_dataset(data, load_recipe(preset, changes), generated=set())


def ids(data: Dataset, preset: str = "pdxl", **changes: Any) -> set[str]:
    return {one.id for one in about(data, preset, **changes)}


def settled_by_click(data: Dataset, id: str, preset: str = "pdxl", **changes: Any) -> Recipe:
    recipe = load_recipe(preset, changes)
    fix = named(check_dataset(data, recipe, generated=set()), id).fix
    assert fix is not None
    recipe = apply_fix(recipe, fix)
    assert id not in {one.id for one in check_dataset(data, recipe, generated=set())}
    return recipe


def captioned(*captions: str, trigger: str = "ohwx", **settings: Any) -> Concept:
    """A folder with these captions, as they are."""
    bare = concept(len(captions), 1, trigger)
    images = tuple(
        replace(image, caption=parse_caption(text))
        for image, text in zip(bare.images, captions, strict=True)
    )
    return replace(bare, images=images, settings=ConceptSettings(**settings))


def test_a_trigger_word_wants_to_be_kept() -> None:
    """“make sure that Keep Tokens is set to at least 1” · “Set Keep Tokens to 0 if you're not using”"""
    with_trigger = dataset(captioned(*(f"ohwx, tag {n}, smile" for n in range(6))))
    without = dataset(captioned(*(f"tag {n}, smile, 1girl" for n in range(6))))
    usual = dataset(captioned(*(f"1girl, tag {n}" for n in range(6))))
    assert ids(with_trigger) == ids(without, keep_tokens=0) == ids(usual, keep_tokens=0) == set()
    settled_by_click(with_trigger, "trigger.loose", keep_tokens=0)
    for data in (without, usual):
        assert settled_by_click(data, "trigger.none").captions.keep_tokens == 0
    own = captioned(*(f"zeta, tag {n}" for n in range(6)), keep_tokens=1)
    assert ids(dataset(own), keep_tokens=0) == set(), "the folder says it itself"


def test_captions_that_are_too_long_are_counted() -> None:
    """“Max Token Length: 225”"""
    long = dataset(captioned(", ".join(f"ohwx{n} dress" for n in range(60)), "ohwx, smile"))
    text = named(about(long, keep_tokens=0), "captions.long").text
    assert text.startswith("1 caption is longer than 225 tokens (up to ")
    middle = dataset(captioned(", ".join(["ohwx", *("red dress" for _ in range(30))])))
    assert "captions.long" not in ids(middle)
    settled_by_click(middle, "captions.long", max_token_length=75)


def test_pictures_below_the_resolution_are_counted() -> None:
    """“Resolution: 1024 · NAI 1.5: 768 or 512”"""
    small = dataset(concept([(512, 640)] * 6 + [(1024, 1024)] * 4, tags=ALL_SIDES))
    assert "6 of 10 pictures" in named(about(small), "resolution.above").text
    assert "resolution.above" not in ids(small, bucket_no_upscale=True)
    assert "resolution.above" not in ids(dataset(concept([(512, 640)] * 3 + [(1024, 1024)] * 7)))
    assert settled_by_click(small, "resolution.above", "nai15").general.resolution == 512


def test_too_few_angles() -> None:
    """“Try going for other angles like from side and from behind”"""
    text = named(about(dataset(concept(20, 2))), "angles.few").text
    assert "Of 20 pictures only 0 from side and 0 from behind." in text
    assert ids(dataset(concept(20, 2, tags=ALL_SIDES))) == set()
    assert "angles.few" not in ids(dataset(concept(20, 2)), "pdxl+style"), "a style has no sides"
    assert "angles.few" not in ids(dataset(concept(8, 2))), "one takes what there is"


def test_steps_far_from_the_table() -> None:
    many = dataset(concept(100, 2, tags=ALL_SIDES))
    advice = named(about(many), "steps.table")
    assert "1000 steps are far more than the guide's table gives: about 400." in advice.text
    assert "100 images × 2 repeats × 4 epochs" in advice.why
    assert settled_by_click(many, "steps.table").general.epochs == 4
    assert ids(many, epochs=8) == set()
    assert settled_by_click(many, "steps.table", epochs=1).general.epochs == 4
    assert settled_by_click(many, "steps.table", batch_size=4, epochs=20).general.epochs == 4
    assert "steps.table" not in ids(many, "pdxl+style"), "the guide raises the epochs of a style"
    assert "steps.table" not in ids(dataset(concept(4, 2))), "where the table says nothing"


def test_every_remark_tells_its_rule_and_can_be_sent_to_the_page() -> None:
    data = dataset(concept(60, 2), captioned("a, b", "", "c, d"))
    recipe = load_recipe("pdxl+prodigy", {"dora": True, "clip_skip": 2, "keep_tokens": 0})
    found = [*check_recipe(recipe), *check_dataset(data, recipe, generated=set())]
    assert len(found) >= 5
    assert len({one.id for one in found}) == len(found)
    for one in found:
        told = json.loads(json.dumps(one.to_mapping()))
        assert told["id"] == one.id
        assert one.id
        assert told.get("fix", {}).get("changes") == (dict(one.fix.changes) if one.fix else None)
