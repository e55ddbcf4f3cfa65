"""The guide, sentence by sentence: its settings are the presets, and its sums are the plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lorabake.core.dataset import Dataset, scan_dataset, split_concept_name
from lorabake.core.run import Run
from lorabake.recipe.plan import learning_rates, make_plan
from lorabake.recipe.presets import load_recipe
from lorabake.recipe.recipe import Recipe, find_setting
from lorabake.train.batches import captions_of, epoch_batches, train_images
from tests.bakes import draw_dataset
from tests.recipe.datasets import concept, dataset

NAI, PDXL, ILLUSTRIOUS = "nai15", "pdxl", "illustrious"
SDXL = (PDXL, ILLUSTRIOUS)
ALL = (NAI, *SDXL)

# What the guide says · for which presets · setting · value
SETTINGS: list[tuple[str, tuple[str, ...], str, Any]] = [
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


PRODIGY, DORA, GLORA = "pdxl+prodigy", "pdxl+dora", "pdxl+glora"
STYLE, CONCEPT, OUTFIT = "pdxl+style", "pdxl+concept", "pdxl+outfit"

# The chapters that change those settings: "Prodigy", "What is a DoRA?", "Concepts, Styles, Outfits".
CHANGES: list[tuple[str, tuple[str, ...], str, Any]] = [
    ("optimizer: Prodigy", (PRODIGY, "nai15+prodigy"), "optimizer.type", "prodigy"),
    ("learning_rate: 0.5 or 1", (PRODIGY,), "optimizer.unet_lr", 1),
    ("unet lr and tenc lr are the same", (PRODIGY,), "optimizer.text_encoder_lr", 1),
    ("network_dim: 32/32 or 16/16", (PRODIGY,), "network.network_dim", 16),
    ("network_alpha: 32/32 or 16/16", (PRODIGY,), "network.network_alpha", 16),
    ("constant_with_warmup", (PRODIGY,), "optimizer.lr_scheduler", "constant_with_warmup"),
    ("lr_warmup_ratio: 0.05", (PRODIGY,), "optimizer.warmup_ratio", 0.05),
    ("decouple=True", (PRODIGY,), "optimizer.args.decouple", True),
    ("weight_decay=0.01", (PRODIGY,), "optimizer.args.weight_decay", 0.01),
    ("betas=[0.9,0.999]", (PRODIGY,), "optimizer.args.betas", [0.9, 0.999]),
    ("d_coef=2", (PRODIGY,), "optimizer.args.d_coef", 2),
    ("use_bias_correction=True", (PRODIGY,), "optimizer.args.use_bias_correction", True),
    ("safeguard_warmup=True", (PRODIGY,), "optimizer.args.safeguard_warmup", True),
    ("For epochs, just set it to 20", (PRODIGY,), "general.epochs", 20),
    ("LoRA Type: LoCon (LyCORIS)", (DORA,), "network.type", "locon"),
    ("Conv Dim/Alpha: 8/4", (DORA,), "network.conv_dim", 8),
    ("Conv Dim/Alpha: 8/4, the alpha", (DORA,), "network.conv_alpha", 4),
    ("DoRA: True", (DORA,), "network.dora", True),
    ("Unet Learning Rate: 5e-5 or 0.00005", (DORA,), "optimizer.unet_lr", 5e-5),
    ("Take the above PDXL settings: dim", (DORA,), "network.network_dim", 8),
    ("Take the above PDXL settings: TE", (DORA,), "optimizer.text_encoder_lr", 1e-6),
    ("GLoRAs … I use to train styles", (GLORA,), "network.type", "glora"),
    ("You'll want to raise up the epochs", (STYLE,), "general.epochs", 20),
    ("You may lower tenc LR or set it to zero", (STYLE,), "optimizer.text_encoder_lr", 0),
    ("Set Keep Tokens to 0", (STYLE,), "captions.keep_tokens", 0),
    ("Add an activation tag", (CONCEPT, OUTFIT), "captions.keep_tokens", 1),
]


def value_of(recipe: Recipe, key: str) -> Any:
    found: Any = recipe
    for part in key.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    return found


@pytest.mark.parametrize(
    ("preset", "key", "value"),
    [
        pytest.param(preset, key, value, id=f"{preset}: {sentence}")
        for sentence, presets, key, value in [*SETTINGS, *CHANGES]
        for preset in presets
    ],
)
def test_a_preset_has_the_guides_value(preset: str, key: str, value: Any) -> None:
    assert value_of(load_recipe(preset), key) == value


def test_every_value_is_looked_at_once() -> None:
    looked_at = [
        (preset, key) for _, presets, key, _ in [*SETTINGS, *CHANGES] for preset in presets
    ]
    assert len(set(looked_at)) == len(looked_at)


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
        (PDXL, "text_encoder_lr", 0, "You may lower tenc LR or set it to zero"),
        (PDXL, "keep_tokens", 0, "Set Keep Tokens to 0 if you're not using an activation token"),
        (PRODIGY, "unet_lr", 0.5, "learning_rate: 0.5 or 1"),
        (PRODIGY, "network_dim", 32, "32/32 or 16/16"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else None,
)
def test_what_the_guide_offers_instead_can_be_chosen(
    preset: str, key: str, value: Any, sentence: str
) -> None:
    group, spec = find_setting(key)
    for written in (value, str(value)):  # from a form, and from the command line
        recipe = load_recipe(preset, {key: written})
        assert getattr(getattr(recipe, group), spec.name) == value


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


# --- repeats and epochs --------------------------------------------------------------------------


def steps(data: Dataset, preset: str, epochs: int, batch_size: int) -> int:
    return make_plan(
        data, load_recipe(preset, {"epochs": epochs, "batch_size": batch_size})
    ).total_steps


@pytest.mark.parametrize(
    ("images", "repeats", "epochs", "batch_size", "wanted"),
    [
        (20, 10, 10, 2, 1000),
        (100, 3, 10, 2, 1500),
        (400, 1, 10, 2, 2000),
        # The guide rounds this one to 3300; every epoch ends with a batch of its last picture.
        (1000, 1, 10, 3, 3340),
    ],
)
def test_the_reference_table_for_nai(
    images: int, repeats: int, epochs: int, batch_size: int, wanted: int
) -> None:
    """“20 images × 10 repeats × 10 epochs ÷ 2 batch size = 1000 steps”"""
    assert steps(dataset(concept(images, repeats)), NAI, epochs, batch_size) == wanted


def test_the_simple_sum_is_kept_beside_the_exact_one() -> None:
    """“1000 images × 1 repeat × 10 epochs ÷ 3 batch size = 3300 steps”, about."""
    plan = make_plan(dataset(concept(1000)), load_recipe(NAI, {"batch_size": 3}))
    assert plan.simple_steps == 3333
    assert plan.steps_per_epoch == 334


@pytest.mark.parametrize("preset", SDXL)
@pytest.mark.parametrize(
    ("images", "epochs", "wanted"),
    [(20, 10, 200), (40, 7, 280), (60, 5, 300), (100, 4, 400), (200, 3, 600), (600, 2, 1200)],
)
def test_the_table_for_pdxl_and_illustrious(
    preset: str, images: int, epochs: int, wanted: int
) -> None:
    """“20 images × 2 repeats × 10 epochs ÷ 2 batch size = 200 steps”"""
    assert steps(dataset(concept(images, 2)), preset, epochs, 2) == wanted


# --- multiple concepts ---------------------------------------------------------------------------

ZETA = dataset(
    concept(20, 5, "zetadef"),
    concept(33, 3, "zetasummer"),
    concept(100, 1, "zetadark"),
    concept(50, 2, "zetahalloween"),
)


def test_four_outfits_are_399_pictures_an_epoch() -> None:
    """“(20 × 5) + (33 × 3) + (100 × 1) + (50 × 2) = 399. We'll label this number as T.”"""
    assert ZETA.seen_per_epoch == 399
    plan = make_plan(ZETA, load_recipe(ILLUSTRIOUS))
    assert (plan.images, plan.seen_per_epoch, plan.to_mapping()["T"]) == (203, 399, 399)


def test_four_outfits_are_trained_equally() -> None:
    """“What you'll be doing is trying to train each outfit equally”"""
    seen = [concept.repeats * len(concept.images) for concept in ZETA.concepts]
    assert seen == [100, 99, 100, 100]
    batches = epoch_batches(
        train_images(ZETA, load_recipe(ILLUSTRIOUS)), epoch=1, batch_size=2, seed=1
    )
    shown = [image.lines[0].split(",")[0] for batch in batches for image in batch.images]
    assert [shown.count(concept.trigger) for concept in ZETA.concepts] == seen


@pytest.mark.parametrize(
    ("preset", "total", "epochs", "wanted"),
    [
        (NAI, 200, 17, 1700),
        (NAI, 300, 12, 1800),
        (NAI, 400, 10, 2000),
        (ILLUSTRIOUS, 100, 8, 400),
        (ILLUSTRIOUS, 200, 7, 700),
        (ILLUSTRIOUS, 300, 5, 750),
        (ILLUSTRIOUS, 600, 5, 1500),
    ],
)
def test_the_tables_for_several_concepts(preset: str, total: int, epochs: int, wanted: int) -> None:
    """“200 T × 17 epochs ÷ 2 batch size = 1700 steps”"""
    several = dataset(concept(total // 10, 5, "one"), concept(total // 4, 2, "two"))
    assert several.seen_per_epoch == total
    assert steps(several, preset, epochs, 2) == wanted


@pytest.mark.parametrize(
    ("preset", "epochs", "exact", "simple"), [(NAI, 10, 2000, 1995), (ILLUSTRIOUS, 5, 1000, 998)]
)
def test_a_bake_of_four_outfits(preset: str, epochs: int, exact: int, simple: int) -> None:
    """“we'd run with 10 epochs if I was training on NAI”; on Illustrious “I'd run with 5 epochs”."""
    plan = make_plan(ZETA, load_recipe(preset, {"epochs": epochs, "batch_size": 2}))
    assert (plan.total_steps, plan.simple_steps) == (exact, simple)


def test_a_number_before_a_folders_name_is_its_repeats(tmp_path: Path) -> None:
    """“You can prepend a number to each folder's name to automatically input the number of repeats.”"""
    assert split_concept_name("5_zetadef") == (5, "zetadef")
    draw_dataset(tmp_path, [(32, 32)] * 2, "5_zetadef")
    draw_dataset(tmp_path, [(32, 32)] * 3, "3_zetasummer")
    found = scan_dataset(tmp_path)
    assert {concept.trigger: concept.repeats for concept in found.concepts} == {
        "zetadef": 5,
        "zetasummer": 3,
    }
    assert found.seen_per_epoch == 2 * 5 + 3 * 3
    assert make_plan(found, load_recipe(PDXL)).total_steps == 10 * 10


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


# --- is it ready? --------------------------------------------------------------------------------


def test_there_is_a_file_for_every_epoch() -> None:
    """“You can choose to either download a few of your latest epochs or all of them.”"""
    assert make_plan(dataset(concept(20, 2)), load_recipe(PDXL)).files == 10


def test_epochs_are_found_in_file_names_as_the_xy_plot_writes_them(tmp_path: Path) -> None:
    """“<lora:hsr_kafka-10:1.0> … in X values, you'll type something like -10, -09, -08, -07”"""
    for name in ("hsr_kafka-10", "hsr_kafka-09", "hsr_kafka-08", "hsr_kafka-07", "hsr_kafka"):
        (tmp_path / f"{name}.safetensors").touch()
    found = Run(tmp_path).checkpoints()
    assert [(file.path.stem[-3:], file.epoch) for file in found] == [
        ("-07", 7),
        ("-08", 8),
        ("-09", 9),
        ("-10", 10),
    ]
