"""What should be known before a bake starts: what cannot work, and what will probably disappoint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lorabake.core.dataset import Dataset
from lorabake.core.errors import LorabakeError, RecipeError
from lorabake.core.image import matte_colour
from lorabake.engine.families import FAMILIES, model_pixel_multiple
from lorabake.engine.identify import CheckpointInfo, identify, require_base
from lorabake.recipe.contradictions import contradictions
from lorabake.recipe.plan import make_plan
from lorabake.recipe.recipe import Recipe


@dataclass(frozen=True)
class Advice:
    """One remark. "stop": the bake would fail. "warn": look before you bake. "hint": good to know."""

    level: Literal["stop", "warn", "hint"]
    text: str


def check_recipe(recipe: Recipe, base: Path | None = None) -> list[Advice]:
    """What speaks against a recipe, given the base model's file if it is already known."""
    return [*_family(recipe, base), *_settings(recipe), *_base(recipe, base)]


def check_dataset(dataset: Dataset, recipe: Recipe) -> list[Advice]:
    """What speaks against baking this dataset with this recipe."""
    return [*_pictures(dataset), *_captions(dataset, recipe), *_length(dataset, recipe)]


def refuse_impossible(advice: list[Advice]) -> None:
    """Raises RecipeError with the first remark that would make the bake fail."""
    for remark in advice:
        if remark.level == "stop":
            raise RecipeError(remark.text)


def _family(recipe: Recipe, base: Path | None) -> Iterator[Advice]:
    if recipe.family == "sdxl" and recipe.general.clip_skip > 1:
        yield Advice("hint", "Clip skip has no effect on SDXL models; it is for NAI 1.5.")
    if recipe.family == "sd15" and recipe.general.clip_skip == 1:
        yield Advice("hint", "NAI and what is made from it were trained with clip skip 2.")


def _base(recipe: Recipe, base: Path | None) -> Iterator[Advice]:
    if base is None:
        return
    try:
        found = require_base(base, recipe.model.family)
        multiple = model_pixel_multiple(base, recipe.model.family)
        file = identify(base)
    except LorabakeError as error:
        yield Advice("stop", str(error))
        return
    yield from _overruled(recipe, base.name, file)
    if found.family != recipe.family:
        yield Advice(
            "warn",
            f"These settings are for {FAMILIES[recipe.family].label}, but {base.name} is an "
            f"{FAMILIES[found.family or ''].label} model. Choose another preset or base model.",
        )
    if recipe.bucket.bucket_reso_steps % multiple:
        yield Advice(
            "stop",
            f"The bucket resolution steps are {recipe.bucket.bucket_reso_steps} px, but {base.name} "
            f"needs a multiple of {multiple}. The guide's 64 fits every model.",
        )


def _overruled(recipe: Recipe, name: str, file: CheckpointInfo) -> Iterator[Advice]:
    """Where the recipe says something else of the base model than its file does."""
    told = recipe.model
    if told.family not in ("auto", file.family):
        yield Advice(
            "warn",
            f"{name} says that it is an {file.label}, but Model family takes it for "
            f"{FAMILIES[told.family].label}. Set it to auto unless you know better.",
        )
    if told.prediction not in ("auto", file.prediction):
        yield Advice(
            "warn",
            f"{name} looks like a model that predicts {_predicts(file.prediction)}, but Prediction "
            f"type says {told.prediction}. Set it to auto unless you know better: the wrong one "
            "ruins the LoRA.",
        )
    from_noise = {"auto": file.zero_terminal_snr, "on": True, "off": False}[told.zero_terminal_snr]
    if from_noise != file.zero_terminal_snr:
        yield Advice(
            "warn",
            f"Zero terminal SNR is {told.zero_terminal_snr}, but {name} says otherwise. "
            "Set it to auto unless you know better.",
        )
    prediction = file.prediction if told.prediction == "auto" else told.prediction
    if from_noise and prediction != "v":
        yield Advice(
            "warn",
            "Zero terminal SNR without v-prediction: a model that predicts noise learns nothing "
            "where all is noise. Switch it off, or set Prediction type to v.",
        )


def _predicts(prediction: str | None) -> str:
    return "velocity (v)" if prediction == "v" else "noise (epsilon)"


def _settings(recipe: Recipe) -> Iterator[Advice]:
    try:
        matte_colour(recipe.augment.matte)
    except LorabakeError as error:
        yield Advice("stop", str(error))
    yield from (Advice(level, text) for level, text in contradictions(recipe))
    if not recipe.unet_trains and not recipe.text_encoder_trains:
        yield Advice("stop", "Nothing would be trained: both learning rates are 0 or switched off.")
    if recipe.bucket.enable_bucket and recipe.bucket.min_bucket_reso > recipe.general.resolution:
        yield Advice(
            "warn",
            f"The minimum bucket resolution ({recipe.bucket.min_bucket_reso} px) is above the resolution "
            f"({recipe.general.resolution} px), so every picture is cut square. Lower it under Bucket Args.",
        )
    if (
        recipe.optimizer.warmup_ratio == 0
        and recipe.optimizer.lr_scheduler == "constant_with_warmup"
    ):
        yield Advice("hint", "Constant with warmup has no warmup ratio; the guide uses 0.05.")
    if recipe.optimizer.lr_scheduler == "cosine_with_restarts":
        if recipe.optimizer.lr_scheduler_num_cycles == 1:
            yield Advice(
                "hint", "Cosine with restarts does not restart with 1 cycle; it is a plain cosine."
            )
    elif recipe.optimizer.lr_scheduler == "rex" and recipe.optimizer.lr_scheduler_num_cycles > 1:
        yield Advice("hint", "REX has no restarts; choose Rex annealing warm restarts for cycles.")


def _pictures(dataset: Dataset) -> Iterator[Advice]:
    if not dataset.images:
        yield Advice("stop", "There are no pictures to train on. Add some under Project first.")
    elif all(concept.is_reg for concept in dataset.concepts):
        yield Advice(
            "stop", "Every folder is marked as regularisation. Leave the one to learn unmarked."
        )
    unreadable = sum(problem.level == "error" for problem in dataset.problems)
    if unreadable:
        yield Advice(
            "warn", f"{unreadable} files cannot be used; Project names each with its reason."
        )


def _captions(dataset: Dataset, recipe: Recipe) -> Iterator[Advice]:
    images = dataset.images
    empty = sum(not image.caption.tags for image in images)
    if images and empty == len(images):
        yield Advice("warn", "No picture has a caption, so the LoRA will be tied to no word.")
    elif empty:
        yield Advice(
            "warn", f"{empty} of {len(images)} pictures have no caption. Add one under Project."
        )
    first = {image.caption.tags[0] for image in images if image.caption.tags}
    if (
        len(first) == 1
        and len(images) > 1
        and recipe.captions.shuffle_caption
        and not recipe.captions.keep_tokens
    ):
        yield Advice(
            "warn",
            f"Every caption begins with “{first.pop()[:60]}”. Set Keep tokens to at least 1, so that "
            "your trigger word stays in front.",
        )


def _length(dataset: Dataset, recipe: Recipe) -> Iterator[Advice]:
    try:
        plan = make_plan(dataset, recipe)
    except LorabakeError as error:
        yield Advice("stop", str(error))
        return
    extra = plan.batches_per_epoch * recipe.general.batch_size - plan.seen_per_epoch
    if len(plan.buckets) > 1 and extra > plan.seen_per_epoch // 4:
        yield Advice(
            "hint",
            f"Your pictures have {len(plan.buckets)} shapes, so many batches are not full: "
            f"{plan.total_steps} steps instead of the simple sum's {plan.simple_steps}.",
        )
