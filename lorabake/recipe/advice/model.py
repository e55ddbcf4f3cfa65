"""Advice about the base model, and what the settings say of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lorabake.core.errors import LorabakeError
from lorabake.engine.families import FAMILIES, has_vae, model_pixel_multiple
from lorabake.engine.identify import CheckpointInfo, identify, require_base
from lorabake.recipe.advice.advice import Advice, setting_fix
from lorabake.recipe.recipe import Recipe


def about_family(recipe: Recipe) -> Iterator[Advice]:
    """What one family needs and the other does not."""
    clip_skip = recipe.general.clip_skip
    if recipe.family == "sdxl" and clip_skip > 1:
        yield Advice(
            "hint",
            "Clip skip has no effect on SDXL models; it is for NAI 1.5.",
            "clip_skip.sdxl",
            "The guide's “Clip Skip: 2” is only applicable to NAI 1.5.",
            setting_fix(general__clip_skip=1),
        )
    if recipe.family == "sd15" and clip_skip == 1:
        yield Advice(
            "hint",
            "NAI and what is made from it were trained with clip skip 2.",
            "clip_skip.nai",
            "The last layer but one is what these models learned to listen to. The guide: 2.",
            setting_fix(general__clip_skip=2),
        )
    if recipe.family == "sdxl" and not recipe.model.no_half_vae:
        yield Advice(
            "warn",
            "No half VAE is off: SDXL's own VAE turns pictures black in 16 bit.",
            "vae.half",
            "Its values grow past what 16 bit can hold. The guide switches it on for PDXL and "
            "Illustrious.",
            setting_fix(model__no_half_vae=True),
        )


def about_base(recipe: Recipe, base: Path | None) -> Iterator[Advice]:
    """What the base model's file says against the settings; None: it is not known yet."""
    if base is None:
        return
    try:
        found = require_base(base, recipe.model.family)
        multiple = model_pixel_multiple(base, recipe.model.family)
        whole = has_vae(base)
        file = identify(base)
    except LorabakeError as error:
        yield Advice("stop", str(error), "base.unusable")
        return
    yield from _overruled(recipe, base.name, file)
    if found.family != recipe.family:
        yield Advice(
            "warn",
            f"These settings are for {FAMILIES[recipe.family].label}, but {base.name} is an "
            f"{FAMILIES[found.family or ''].label} model. Choose another preset or base model.",
            "base.family",
            "Rates, resolution and dims differ by a factor of ten between the two.",
        )
    if recipe.bucket.bucket_reso_steps % multiple:
        yield Advice(
            "stop",
            f"The bucket resolution steps are {recipe.bucket.bucket_reso_steps} px, but {base.name} "
            f"needs a multiple of {multiple}. The guide's 64 fits every model.",
            "bucket.steps",
            "Every part of the model halves its picture several times.",
            setting_fix(bucket__bucket_reso_steps=64),
        )
    if not recipe.model.vae and not whole:
        yield Advice(
            "stop",
            f"{base.name} has no VAE inside. Choose one as External VAE, such as "
            f"{FAMILIES[found.family or recipe.family].vae_hint}.",
            "vae.missing",
            "The guide: the SDXL VAE if training on PDXL or Illustrious.",
        )


def _overruled(recipe: Recipe, name: str, file: CheckpointInfo) -> Iterator[Advice]:
    """Where the recipe says something else of the base model than its file does."""
    told = recipe.model
    if told.family not in ("auto", file.family):
        yield Advice(
            "warn",
            f"{name} says that it is an {file.label}, but Model family takes it for "
            f"{FAMILIES[told.family].label}. Set it to auto unless you know better.",
            "base.told_family",
            fix=setting_fix(model__family="auto"),
        )
    if told.prediction not in ("auto", file.prediction):
        yield Advice(
            "warn",
            f"{name} looks like a model that predicts {_predicts(file.prediction)}, but Prediction "
            f"type says {told.prediction}. Set it to auto unless you know better: the wrong one "
            "ruins the LoRA.",
            "base.told_prediction",
            fix=setting_fix(model__prediction="auto"),
        )
    from_noise = {"auto": file.zero_terminal_snr, "on": True, "off": False}[told.zero_terminal_snr]
    if from_noise != file.zero_terminal_snr:
        yield Advice(
            "warn",
            f"Zero terminal SNR is {told.zero_terminal_snr}, but {name} says otherwise. "
            "Set it to auto unless you know better.",
            "base.told_snr",
            fix=setting_fix(model__zero_terminal_snr="auto"),
        )
    prediction = file.prediction if told.prediction == "auto" else told.prediction
    if from_noise and prediction != "v":
        yield Advice(
            "warn",
            "Zero terminal SNR without v-prediction: a model that predicts noise learns nothing "
            "where all is noise. Switch it off, or set Prediction type to v.",
            "base.snr_without_v",
            fix=setting_fix(model__zero_terminal_snr="off"),
        )


def _predicts(prediction: str | None) -> str:
    return "velocity (v)" if prediction == "v" else "noise (epsilon)"
