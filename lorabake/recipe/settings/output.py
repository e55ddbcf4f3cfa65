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
        help="How numbers are written into the file. Not in the guide; fp16 loads everywhere. "
        "bf16 is as large and less exact; float (fp32) makes files twice as large.",
        choices=("fp16", "bf16", "float"),
        more=True,
    )
    save_every_n_epochs: int = setting(
        1,
        "Save every n epochs",
        help="After which epochs there is a file. The guide compares epochs, so 1: each of "
        "them. Higher saves disk space but leaves fewer to choose from; the last epoch is "
        "always saved.",
        minimum=1,
        maximum=1000,
        more=True,
    )
    save_last_n_epochs: int = setting(
        0,
        "Keep the last n epochs",
        help="Older files of this run are removed as new ones come. 0 keeps all; the guide "
        "compares the last 4. Too few, and the best one may be gone; more takes disk "
        "space.",
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
        unit="of pictures",
        help="These pictures are not trained on but measured after each epoch, always with the "
        "same noise: their loss tells far more than the training loss. Not in the guide; 0 "
        "is off, try 0.1. Too few measure chance; too many are missing from what is "
        "learned.",
        minimum=0,
        maximum=0.5,
    )
    validate_every_n_epochs: int = setting(
        1,
        "Measure every n epochs",
        help="How often the held-out pictures are measured. Not in the guide; 1 is after each "
        "epoch. Higher saves a little time, and there are fewer points to see the turn by.",
        minimum=1,
        maximum=1000,
        more=True,
    )


@dataclass(frozen=True, kw_only=True)
class SampleSettings:
    """Pictures while it bakes."""

    sample_every_n_epochs: int = setting(
        0,
        "Sample every n epochs",
        help="Draws the prompts below after every n-th epoch. 0 is off; the guide tests when "
        "the bake is done. 1 shows each epoch and takes the most time; higher shows fewer.",
        minimum=0,
        maximum=1000,
    )
    sample_prompts: str = setting(
        "",
        "Sample prompts",
        help="One a line, as in sd-scripts: --n negative --w width --h height --d seed --s "
        "steps --l CFG scale. Not in the guide. Empty draws nothing.",
    )
    sample_sampler: str = setting(
        "Euler a",
        "Sampler",
        help="How the samples are drawn. Not in the guide. It changes the samples and never the "
        "LoRA.",
        choices=SAMPLERS,
        more=True,
    )
