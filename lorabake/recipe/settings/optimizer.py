"""The guide's "Optimizer Args"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lorabake.core.settings import setting
from lorabake.engine.optimizers import OPTIMIZERS
from lorabake.engine.schedules import SCHEDULES


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """The guide's "Optimizer Args"."""

    type: str = setting(
        "came",
        "Optimizer type",
        help="What turns errors into steps. The guide: CAME for PDXL and Illustrious, AdamW8bit "
        "for NAI (AdamW on cards too old for it), Prodigy for 20 to 30 pictures. Each "
        "wants rates of its own.",
        choices=lambda: OPTIMIZERS.names,
    )
    unet_lr: float = setting(
        1e-4,
        "Unet learning rate",
        help="Size of each step of the part that draws (U-Net). The guide: 5e-4 for NAI, which "
        "bears more, 1e-4 for PDXL, 6e-5 for Illustrious, 5e-5 for a DoRA, 0.5 or 1 with "
        "Prodigy. Too high burns or falls apart; too low learns nothing.",
        minimum=0,
        maximum=10,
    )
    text_encoder_lr: float = setting(
        1e-6,
        "TE learning rate",
        help="Size of each step of the part that reads tags (text encoder). The guide: 1e-4 for "
        "NAI, 1e-6 for PDXL, 6e-6 for Illustrious, less or 0 for styles. Too high spoils "
        "what other tags mean; too low learns your words slowly; 0 leaves it alone.",
        minimum=0,
        maximum=10,
    )
    text_encoder_2_lr: float = setting(
        -1.0,
        "TE 2 learning rate",
        help="The same for SDXL's second text encoder. -1 uses the TE learning rate; the guide "
        "has one for both. Too high spoils what other tags mean; too low learns your words "
        "slowly; 0 leaves it alone.",
        minimum=-1,
        maximum=10,
        more=True,
    )
    lr_scheduler: str = setting(
        "rex",
        "LR scheduler",
        help="How the learning rates change during the bake. The guide: REX or Rex annealing "
        "warm restarts for SDXL (high for long, settling at the end), cosine with restarts "
        "for NAI, constant with warmup for Prodigy.",
        choices=lambda: SCHEDULES.names,
    )
    lr_scheduler_num_cycles: int = setting(
        1,
        "Restarts (cycles)",
        help="How many times a schedule with restarts runs from the top down. Not in the guide; "
        "1 is the usual default and never restarts. More shakes the LoRA out of what it "
        "settled on; too many leave each no time to settle.",
        minimum=1,
        maximum=100,
    )
    warmup_ratio: float = setting(
        0.0,
        "Warmup ratio",
        unit="share of steps",
        help="How much of the bake the rate takes to rise from 0. The guide: 0.05, with "
        "constant with warmup only: the first steps see little and should be small. 0 "
        "begins at the full rate; too much wastes the bake at low rates.",
        minimum=0,
        maximum=1,
    )
    warmup_steps: int = setting(
        0,
        "Warmup steps",
        help="The warmup as a number; it counts instead of the ratio when above 0. The guide "
        "gives only the ratio. Too many waste the bake at low rates; 0 leaves it to the "
        "ratio.",
        minimum=0,
        maximum=1_000_000,
        more=True,
    )
    lr_scheduler_power: float = setting(
        1.0,
        "Polynomial power",
        help="How the polynomial schedule bends; no other uses it. Not in the guide; 1, the "
        "usual default, is a straight line. Higher falls early, lower stays high and falls "
        "late.",
        minimum=0.01,
        maximum=20,
        more=True,
    )
    min_lr: float = setting(
        1e-6,
        "Min learning rate",
        help="The rate at which REX and cosine annealing end. Not in the guide; 1e-6 is its "
        "trainer's default. Higher never settles, 0 ends at a standstill. It is left out "
        "for rates that are not above it.",
        minimum=0,
        maximum=1,
        more=True,
    )
    restart_decay: float = setting(
        0.1,
        "Restart decay",
        unit="share of rate",
        help="How much of the rate is lost at each restart, with the two annealing schedulers. "
        "Not in the guide; 0.1, its trainer's default, takes a tenth. 0 restarts at full "
        "height; higher calms down sooner, and 1 learns next to nothing after the first "
        "cycle.",
        minimum=0,
        maximum=1,
        more=True,
    )
    rex_d: float = setting(
        0.9,
        "REX d",
        help="How long REX stays high. Not in the guide, whose rates are for its trainer's "
        "default, 0.9. Higher stays high almost to the end; lower comes near a straight "
        "line.",
        minimum=0.01,
        maximum=0.999,
        more=True,
    )
    loss_type: str = setting(
        "l2",
        "Loss type",
        help="How an error is counted. The guide: L2, which punishes large errors most. L1, "
        "Huber and smooth L1 care less about single bad pictures.",
        choices=("l2", "l1", "huber", "smooth_l1"),
        more=True,
    )
    huber_schedule: str = setting(
        "snr",
        "Huber schedule",
        help="How Huber and smooth L1 change with the noise. Not in the guide; snr is the usual "
        "default. snr and exponential count nearly clean pictures as L2 does and noisy "
        "ones more leniently; constant makes no difference.",
        choices=("snr", "exponential", "constant"),
        more=True,
    )
    huber_c: float = setting(
        0.1,
        "Huber c",
        help="Where Huber and smooth L1 turn from square to straight. Not in the guide; 0.1 is "
        "the usual default. Higher is nearly L2; lower cares less about large errors, such "
        "as single bad pictures.",
        minimum=1e-6,
        maximum=1000,
        more=True,
    )
    huber_scale: float = setting(
        1.0,
        "Huber scale",
        unit="times",
        help="Multiplies Huber c with the schedules exponential and constant; snr does not use "
        "it. Not in the guide; 1, the usual default, changes nothing. Higher is nearly L2; "
        "lower cares less about large errors.",
        minimum=1e-6,
        maximum=1000,
        more=True,
    )
    min_snr_gamma: float = setting(
        0.0,
        "Min SNR gamma",
        help="Keeps nearly clean pictures from drowning the rest. The guide: 5 for NAI, none "
        "for SDXL. Lower, and fine detail hardly counts; much higher does next to nothing; "
        "0 is off.",
        minimum=0,
        maximum=100,
    )
    debiased_estimation_loss: bool = setting(
        False,
        "Debiased estimation",
        help="Weighs the noise levels against each other: noisy pictures count more. Not in the "
        "guide. On, leave Min SNR gamma at 0, because both are multiplied.",
        more=True,
    )
    scale_v_pred_loss_like_noise_pred: bool = setting(
        False,
        "Scale v-prediction loss",
        help="Weighs a v-prediction model's loss as that of a noise-predicting one: noisy "
        "pictures count less. Not in the guide. On, it changes nothing for other models.",
        more=True,
    )
    masked_loss: str = setting(
        "off",
        "Masked loss",
        help="Learn only what is white in a mask: the picture's own alpha, or a picture of the "
        "same name in a folder called masks. Not in the guide. off learns all of every "
        "picture.",
        choices=("off", "alpha", "folder"),
        more=True,
    )
    max_grad_norm: float = setting(
        1.0,
        "Max grad norm",
        help="Gradients longer than this are cut to it, so that one odd picture cannot upset "
        "the bake. Not in the guide; 1 is its trainer's default. Lower cuts nearly every "
        "step; much higher none; 0 is off.",
        minimum=0,
        maximum=1000,
        more=True,
    )
    scale_weight_norms: float = setting(
        0.0,
        "Scale weight norms",
        help="Keeps each layer's change below this length, against burning. Not in the guide; 0 "
        "is off, 1 a usual value. Lower holds learning back; much higher does nothing.",
        minimum=0,
        maximum=1000,
        more=True,
    )
    ema: bool = setting(
        False,
        "EMA of the LoRA",
        help="Also saves a smoothed copy of each epoch, named -ema: less chance in it. Not in "
        "the guide. On, there is a second file for each epoch.",
        more=True,
    )
    ema_decay: float = setting(
        0.99,
        "EMA decay",
        unit="share",
        help="How much of the smoothed copy stays at each step. Not in the guide; 0.99 is about "
        "the last 100 steps. Higher is smoother but lags behind, too far for a short bake; "
        "lower is nearly the plain file.",
        minimum=0,
        maximum=0.999999,
        more=True,
    )
    args: dict[str, Any] = setting(  # noqa: RUF009  (setting() makes a fresh dict each time)
        {},
        "Optional args",
        help="The optimizer's own settings, one a line. The guide: weight_decay = 0.08 for "
        "SDXL; weight_decay = 0.1 and betas = [0.9, 0.99] for NAI. Too much weight decay "
        "and little stays learned. What is left out keeps the optimizer's default.",
    )
