"""What the optimizers of the kohya trainers do where a file says nothing, and what ours do.

Where the two differ the value is written out, on the way in and on the way out, so that a file
means the same training on both sides.
"""

from __future__ import annotations

from typing import Any

from lorabake.core.settings import setting_fields
from lorabake.engine.optimizers import OPTIMIZERS
from lorabake.recipe.exchange.arguments import Table

_ADAMW: Table = {"weight_decay": 0.01, "betas": (0.9, 0.999), "eps": 1e-8}
_DISTANCE: Table = {
    "weight_decay": 0.0,
    "betas": (0.9, 0.999),
    "use_bias_correction": False,
    "d0": 1e-6,
    "growth_rate": 0.0,
    "eps": 1e-8,
}

THEIR_DEFAULTS: dict[str, Table] = {
    "adamw": _ADAMW,  # torch.optim.AdamW
    "adamw8bit": _ADAMW,  # bitsandbytes.optim.AdamW8bit
    "came": {  # the guide's trainer's own, from pytorch_optimizer
        "weight_decay": 0.0,
        "betas": (0.9, 0.999, 0.9999),
        "eps1": 1e-30,
        "eps2": 1e-16,
    },
    "prodigy": {  # prodigyopt.Prodigy
        **_DISTANCE,
        "decouple": True,
        "d_coef": 1.0,
        "safeguard_warmup": False,
        "beta3": 0.0,
    },
    "adafactor": {  # transformers.Adafactor; made for whole models, where it finds its own rate
        "relative_step": True,
        "scale_parameter": True,
        "warmup_init": False,
        "weight_decay": 0.0,
        "clip_threshold": 1.0,
        "decay_rate": -0.8,
        "beta1": 0.0,
        "eps": (1e-30, 1e-3),
    },
    "lion": {"weight_decay": 0.0, "betas": (0.9, 0.99)},  # lion_pytorch.Lion
    "adamw_schedulefree": {  # schedulefree.AdamWScheduleFree
        "weight_decay": 0.0,
        "betas": (0.9, 0.999),
        "warmup_steps": 0,
        "r": 0.0,
        "weight_lr_power": 2.0,
        "eps": 1e-8,
    },
    "dadapt_adam": {**_DISTANCE, "decouple": False},  # dadaptation.DAdaptAdam
}
"""By our name of the optimizer: each of its settings and the value it has there when unsaid."""

UNSAID = ("growth_rate", "beta3", "beta1")
"""Settings whose 0 stands for their None or infinity, which is what they are there when unsaid."""

NEAREST: tuple[tuple[str, str], ...] = (
    ("dadapt", "dadapt_adam"),
    ("prodigy", "prodigy"),
    ("schedulefree", "adamw_schedulefree"),
    ("came", "came"),
    ("adafactor", "adafactor"),
    ("lion", "lion"),
    ("adamw8bit", "adamw8bit"),
)
"""(part of a name, the optimizer taken for those not offered here); for all others AdamW."""

_WITHOUT_DECAY = ("adam", "adam8bit", "compass", "lpfadamw", "rmsprop", "sgdnesterov")


def nearest_optimizer(last: str) -> str:
    """Ours for one that is not offered: above all one that wants rates of the same size.

    last: the last part of its name, small letters only. A rate of 1 ruins a LoRA under AdamW.
    """
    return next((ours for part, ours in NEAREST if part in last), "adamw")


def defaults_to_write(name: str) -> Table:
    """What has to be said of our optimizer for a file to mean the same on both sides, ours first.

    Returns their default by setting, for those where ours is another.
    """
    known = setting_fields(OPTIMIZERS[name].settings)
    theirs = THEIR_DEFAULTS[name]
    return {spec.name: theirs[spec.name] for spec in known if theirs[spec.name] != spec.default}


def args_from(name: str, given: Table, *, written: str) -> Table:
    """Their arguments under our names, with their defaults where ours are others.

    written: the optimizer's name in the file, small letters, without its package.
    """
    args = dict(given)
    if name == "came" and "eps" in args:  # came_pytorch has one pair
        args.update(zip(("eps1", "eps2"), _pair(args.pop("eps")), strict=False))
    for key in UNSAID:
        if str(args.get(key, "")).strip().lower() in ("inf", "none"):
            args[key] = 0.0
    if written in _WITHOUT_DECAY:
        args.setdefault("weight_decay", 0.0)
    return {**defaults_to_write(name), **args}


def args_to(name: str, args: Table) -> Table:
    """Our arguments as a file of theirs has to say them."""
    ours = {spec.name: spec.default for spec in setting_fields(OPTIMIZERS[name].settings)}
    said = {**{key: ours[key] for key in defaults_to_write(name)}, **args}
    return {key: value for key, value in said.items() if key not in UNSAID or value}


def _pair(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [part.strip() for part in value.strip("()[] ").split(",")]
    return list(value) if isinstance(value, list | tuple) else [value]
