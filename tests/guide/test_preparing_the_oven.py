"""Guide, "Preparing the Oven": its settings are the presets, and its sums are the plan."""

from __future__ import annotations

from typing import Any

import pytest

from lorabake.recipe.calculator import calculate
from lorabake.recipe.plan import learning_rates, make_plan
from lorabake.recipe.presets import load_recipe
from lorabake.recipe.tables import NAI_SINGLE, XL_SINGLE, Table, nearest, suggest
from lorabake.train.batches import captions_of, epoch_batches, train_images
from tests.guide.values import (
    ALL,
    ILLUSTRIOUS,
    NAI,
    PDXL,
    SDXL,
    Row,
    can_be_chosen,
    each_value,
    numbers,
    value_of,
)
from tests.recipe.datasets import concept, dataset

SETTINGS: list[Row] = [
    # General Args
    ("Training on PDXL / Illustrious? Enable these: SDXL Based", SDXL, "family", "sdxl"),
    ("NAI 1.5 is not", (NAI,), "family", "sd15"),
    ("… No Half VAE", SDXL, "model.no_half_vae", True),
    ("… and Full BF16", SDXL, "general.full_bf16", True),
    ("Resolution: 1024", SDXL, "general.resolution", 1024),
    ("NAI 1.5, you'd either train at 768 or 512", (NAI,), "general.resolution", 768),
    ("Gradient Checkpointing: True", ALL, "general.gradient_checkpointing", "auto"),
    ("Gradient Accumulation: 1", ALL, "general.gradient_accumulation_steps", 1),
    ("Clip Skip: 2, only applicable to NAI 1.5", (NAI,), "general.clip_skip", 2),
    ("… so not to SDXL", SDXL, "general.clip_skip", 1),
    ("Batch Size: 2", ALL, "general.batch_size", 2),
    ("Training Precision: bf16", ALL, "general.mixed_precision", "bf16"),
    ("Max Token Length: 225", ALL, "general.max_token_length", 225),
    ("Memory Optimization: SDPA", ALL, "general.attention", "sdpa"),
    ("Cache Latents: True", ALL, "general.cache_latents", True),
    ("Cache Latents … To Disk: True", ALL, "general.cache_latents_to_disk", True),
    ("10 epochs, in most rows of the tables", ALL, "general.epochs", 10),
    # Network Args
    ("LoRA Type: LoRA", ALL, "network.type", "lora"),
    ("Network Dim NAI 1.5: 16", (NAI,), "network.network_dim", 16),
    ("Network Alpha NAI 1.5: 8", (NAI,), "network.network_alpha", 8),
    ("Network Dim PDXL / Illustrious XL: 8", SDXL, "network.network_dim", 8),
    ("Network Alpha PDXL / Illustrious XL: 4", SDXL, "network.network_alpha", 4),
    ("IP Noise Gamma PDXL / Illustrious XL: 0.05", SDXL, "network.ip_noise_gamma", 0.05),
    ("… and none for NAI 1.5", (NAI,), "network.ip_noise_gamma", 0),
    # Optimizer Args
    ("Optimizer Type NAI 1.5: AdamW8bit", (NAI,), "optimizer.type", "adamw8bit"),
    ("Optimizer Type PDXL / Illustrious XL: CAME", SDXL, "optimizer.type", "came"),
    ("NAI 1.5: cosine with restarts", (NAI,), "optimizer.lr_scheduler", "cosine_with_restarts"),
    ("PDXL / Illustrious XL: REX", SDXL, "optimizer.lr_scheduler", "rex"),
    ("Loss Type: L2", ALL, "optimizer.loss_type", "l2"),
    ("Unet Learning Rate NAI 1.5: 5e-4 or 0.0005", (NAI,), "optimizer.unet_lr", 5e-4),
    ("Unet Learning Rate PDXL: 1e-4 or 0.0001", (PDXL,), "optimizer.unet_lr", 1e-4),
    ("Unet Learning Rate Illustrious XL: 6e-5", (ILLUSTRIOUS,), "optimizer.unet_lr", 6e-5),
    ("TE Learning Rate NAI 1.5: 1e-4", (NAI,), "optimizer.text_encoder_lr", 1e-4),
    ("TE Learning Rate PDXL: 1e-6", (PDXL,), "optimizer.text_encoder_lr", 1e-6),
    ("TE Learning Rate Illustrious XL: 6e-6", (ILLUSTRIOUS,), "optimizer.text_encoder_lr", 6e-6),
    ("Min SNR Gamma NAI 1.5: 5", (NAI,), "optimizer.min_snr_gamma", 5),
    ("… and none for SDXL", SDXL, "optimizer.min_snr_gamma", 0),
    ("Warmup is for constant with warmup", ALL, "optimizer.warmup_ratio", 0),
    ("NAI 1.5: weight_decay=0.1", (NAI,), "optimizer.args.weight_decay", 0.1),
    ("NAI 1.5: betas=[0.9,0.99]", (NAI,), "optimizer.args.betas", [0.9, 0.99]),
    ("PDXL / Illustrious XL: weight_decay=0.08", SDXL, "optimizer.args.weight_decay", 0.08),
    # Bucket Args
    ("Bucket Args: Enable it", ALL, "bucket.enable_bucket", True),
    ("Maximum Bucket Resolution: (NAI 1.5) 1024", (NAI,), "bucket.max_bucket_reso", 1024),
    ("Maximum Bucket Resolution: (SDXL 1.0) 2048", SDXL, "bucket.max_bucket_reso", 2048),
    ("Bucket Resolution Steps: 64", ALL, "bucket.bucket_reso_steps", 64),
    # The trigger word
    ("Keep Tokens is set to at least 1", ALL, "captions.keep_tokens", 1),
    ("Shuffle Captions … make your LoRA less rigid", ALL, "captions.shuffle_caption", True),
]


@each_value(SETTINGS)
def test_a_preset_has_the_guides_value(preset: str, key: str, value: Any) -> None:
    assert value_of(load_recipe(preset), key) == value


@pytest.mark.parametrize(
    ("preset", "key", "value", "sentence"),
    [
        (NAI, "resolution", 512, "you'd either train at 768 or 512"),
        (PDXL, "batch_size", 1, "Set it to 1 to save on VRAM"),
        (PDXL, "gradient_checkpointing", "off", "Set it to False if you got enough VRAM"),
        (PDXL, "mixed_precision", "fp16", "Set it to fp16 if your hardware doesn't support bf16"),
        (NAI, "optimizer.type", "adamw", "Set it to AdamW if you have an old graphics card"),
        (PDXL, "lr_scheduler", "rex_annealing_warm_restarts", "REX or Rex Annealing Warm Restarts"),
        (PDXL, "lr_scheduler", "constant_with_warmup", "LR scheduler … constant with warmup"),
        (PDXL, "warmup_ratio", 0.05, "Warmup Ratio: 0.05"),
        (PDXL, "unet_lr", 0.0001, "1e-4 or 0.0001"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else None,
)
def test_what_the_guide_offers_instead_can_be_chosen(
    preset: str, key: str, value: Any, sentence: str
) -> None:
    assert can_be_chosen(preset, key, value)


def test_adamw_keeps_the_optional_args_of_adamw8bit() -> None:
    args = load_recipe(NAI, {"optimizer.type": "adamw"}).optimizer.args
    assert args == {"weight_decay": 0.1, "betas": [0.9, 0.99]}


def test_warmup_is_a_twentieth_of_the_steps() -> None:
    """“Warmup Ratio: 0.05. This is used if your LR scheduler is set to constant with warmup.”"""
    changes = {"lr_scheduler": "constant_with_warmup", "warmup_ratio": 0.05, "epochs": 10}
    recipe = load_recipe(PDXL, changes)
    plan = make_plan(dataset(concept(20, 2)), recipe)
    rates = learning_rates(plan, recipe)["unet"]
    assert (plan.total_steps, plan.warmup_steps) == (200, 10)
    assert rates[0] == 0
    assert rates[5] == pytest.approx(0.5e-4)
    assert rates[10:] == [1e-4] * 190


# --- how many repeats and epochs -----------------------------------------------------------------

TABLES = [
    (NAI_SINGLE, "For NAI 1.5, this is Holostrawberry's reference table."),
    (XL_SINGLE, "For PDXL and Illustrious, this is mine."),
]
ROWS = [
    (NAI_SINGLE, NAI, "20 images × 10 repeats × 10 epochs ÷ 2 batch size = 1000 steps"),
    (NAI_SINGLE, NAI, "100 images × 3 repeats × 10 epochs ÷ 2 batch size = 1500 steps"),
    (NAI_SINGLE, NAI, "400 images × 1 repeat × 10 epochs ÷ 2 batch size = 2000 steps"),
    *(
        (XL_SINGLE, preset, sentence)
        for preset in SDXL
        for sentence in (
            "20 images × 2 repeats × 10 epochs ÷ 2 batch size = 200 steps",
            "40 images × 2 repeats × 7 epochs ÷ 2 batch size = 280 steps",
            "60 images × 2 repeats × 5 epochs ÷ 2 batch size = 300 steps",
            "100 images × 2 repeats × 4 epochs ÷ 2 batch size = 400 steps",
            "200 images × 2 repeats × 3 epochs ÷ 2 batch size = 600 steps",
            "600 images × 2 repeats × 2 epochs ÷ 2 batch size = 1200 steps",
        )
    ),
]


@pytest.mark.parametrize(
    ("table", "preset", "sentence"), ROWS, ids=[f"{p}: {s}" for _, p, s in ROWS]
)
def test_the_reference_tables(table: Table, preset: str, sentence: str) -> None:
    images, repeats, epochs, batch, steps = numbers(sentence)
    recipe = load_recipe(preset, {"epochs": epochs, "batch_size": batch})
    found = calculate(dataset(concept(images, repeats)), recipe)
    assert (found.steps, found.simple_steps) == (steps, steps)
    assert found.table is table
    assert found.row.sentence == sentence
    assert found.chart.here.count == images
    assert (images, steps) in [(point.count, point.steps) for point in found.chart.rows]
    told = suggest(table, images, batch)
    assert (told.repeats, told.epochs, told.steps, told.inside) == (repeats, epochs, steps, True)


def test_the_guide_rounds_one_row() -> None:
    """“1000 images × 1 repeat × 10 epochs ÷ 3 batch size = 3300 steps”, about."""
    sentence = "1000 images × 1 repeat × 10 epochs ÷ 3 batch size = 3300 steps"
    row = nearest(NAI_SINGLE, 1000)
    assert (row.sentence, row.rounded) == (sentence, True)
    assert [other.rounded for other in (*NAI_SINGLE.rows[:-1], *XL_SINGLE.rows)] == [False] * 9
    found = calculate(dataset(concept(1000)), load_recipe(NAI, {"batch_size": 3}))
    # Every epoch ends with a batch of its last picture.
    assert (found.simple_steps, found.steps, found.plan.steps_per_epoch) == (3333, 3340, 334)
    assert any("rounds this row to 3300" in note for note in found.notes)


@pytest.mark.parametrize(("table", "sentence"), TABLES, ids=[table.name for table, _ in TABLES])
def test_a_table_is_called_as_in_the_guide(table: Table, sentence: str) -> None:
    assert table.sentence == sentence


# --- trigger words -------------------------------------------------------------------------------


def words(keep_tokens: int, shuffle: bool) -> list[list[str]]:
    """What the four pictures of a small concept are called in its first epoch."""
    recipe = load_recipe(PDXL, {"keep_tokens": keep_tokens, "shuffle_caption": shuffle})
    tags = tuple(f"tag {n}" for n in range(12))
    images = train_images(dataset(concept(4, 1, "kafka", tags)), recipe)
    batches = epoch_batches(images, epoch=1, batch_size=2, seed=23)
    return [text.split(", ") for batch in batches for text in captions_of(batch, 23)]


def test_a_trigger_word_stays_in_front() -> None:
    """“If you have a trigger word, make sure that Keep Tokens is set to at least 1.”"""
    found = words(keep_tokens=1, shuffle=True)
    assert all(caption[0] == "kafka" for caption in found)
    assert len({tuple(caption) for caption in found}) == 4, "the other tags mix"
    assert all(sorted(caption) == sorted(found[0]) for caption in found)


def test_without_keep_tokens_the_first_tag_is_shuffled_too() -> None:
    """“Set Keep Tokens to 0 if you're not using an activation token.”"""
    assert any(caption[0] != "kafka" for caption in words(keep_tokens=0, shuffle=True))


def test_without_shuffling_captions_stay_as_they_are() -> None:
    assert all(
        caption == ["kafka", *(f"tag {n}" for n in range(12))] for caption in words(1, False)
    )
