"""What comes out of the oven, and what can be watched while it bakes."""

from __future__ import annotations

from dataclasses import dataclass

from lorabake.core.settings import setting

SAMPLERS = ("Euler a", "Euler", "DPM++ 2M Karras", "DDIM")


@dataclass(frozen=True, kw_only=True)
class SavingSettings:
    """What comes out of the oven."""

    save_precision: str = setting(
        "fp16",
        "Save precision",
        help="fp16 loads everywhere.",
        choices=("fp16", "bf16", "float"),
        more=True,
    )
    save_every_n_epochs: int = setting(
        1,
        "Save every n epochs",
        help="The last epoch is always saved.",
        minimum=1,
        maximum=1000,
        more=True,
    )
    save_last_n_epochs: int = setting(
        0,
        "Keep the last n epochs",
        help="Older files of this run are removed as new ones come. 0 keeps all.",
        minimum=0,
        maximum=1000,
        more=True,
    )


@dataclass(frozen=True, kw_only=True)
class ValidationSettings:
    """A few pictures that are not trained on, to see what was learned and what only memorised."""

    validation_split: float = setting(
        0.0,
        "Held-out share",
        help="This share of the pictures is not trained on but measured after each epoch, always with "
        "the same noise: its loss tells far more than the training loss. 0 is off; try 0.1.",
        minimum=0,
        maximum=0.5,
    )
    validate_every_n_epochs: int = setting(
        1, "Measure every n epochs", minimum=1, maximum=1000, more=True
    )


@dataclass(frozen=True, kw_only=True)
class SampleSettings:
    """Pictures while it bakes."""

    sample_every_n_epochs: int = setting(
        0,
        "Sample every n epochs",
        help="Draws the prompts below after every n-th epoch. 0 is off.",
        minimum=0,
        maximum=1000,
    )
    sample_prompts: str = setting(
        "",
        "Sample prompts",
        help="One a line, as in sd-scripts: --n negative --w width --h height --d seed --s steps "
        "--l CFG scale.",
    )
    sample_sampler: str = setting("Euler a", "Sampler", choices=SAMPLERS, more=True)
