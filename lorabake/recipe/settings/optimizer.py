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
        help="The guide: CAME for PDXL and Illustrious, AdamW8bit for NAI (AdamW on old cards).",
        choices=lambda: OPTIMIZERS.names,
    )
    unet_lr: float = setting(
        1e-4,
        "Unet learning rate",
        help="The guide: 5e-4 for NAI, 1e-4 for PDXL, 6e-5 for Illustrious. Too high falls apart, "
        "too low learns nothing.",
        minimum=0,
        maximum=10,
    )
    text_encoder_lr: float = setting(
        1e-6,
        "TE learning rate",
        help="The guide: 1e-4 for NAI, 1e-6 for PDXL, 6e-6 for Illustrious. 0 leaves the text encoders alone.",
        minimum=0,
        maximum=10,
    )
    text_encoder_2_lr: float = setting(
        -1.0,
        "TE 2 learning rate",
        help="SDXL's second text encoder; -1 uses the TE learning rate.",
        minimum=-1,
        maximum=10,
        more=True,
    )
    lr_scheduler: str = setting(
        "rex",
        "LR scheduler",
        help="The guide: REX or Rex annealing warm restarts for SDXL, cosine with restarts for NAI.",
        choices=lambda: SCHEDULES.names,
    )
    lr_scheduler_num_cycles: int = setting(
        1,
        "Restarts (cycles)",
        help="How many times the schedule starts anew; 1 never restarts.",
        minimum=1,
        maximum=100,
    )
    warmup_ratio: float = setting(
        0.0,
        "Warmup ratio",
        help="Share of the steps that rise from 0. The guide: 0.05, with constant with warmup only.",
        minimum=0,
        maximum=1,
    )
    warmup_steps: int = setting(
        0,
        "Warmup steps",
        help="The same in steps; counts instead of the ratio when above 0.",
        minimum=0,
        maximum=1_000_000,
        more=True,
    )
    lr_scheduler_power: float = setting(
        1.0,
        "Polynomial power",
        help="How the polynomial schedule bends; 1 is a straight line.",
        minimum=0.01,
        maximum=20,
        more=True,
    )
    min_lr: float = setting(
        1e-6,
        "Min learning rate",
        help="Where REX and cosine annealing end. Left out for rates that are not above it.",
        minimum=0,
        maximum=1,
        more=True,
    )
    restart_decay: float = setting(
        0.1,
        "Restart decay",
        help="How much lower each restart is, with the two annealing schedulers.",
        minimum=0,
        maximum=1,
        more=True,
    )
    rex_d: float = setting(
        0.9, "REX d", help="How long REX stays high.", minimum=0.01, maximum=0.999, more=True
    )
    loss_type: str = setting(
        "l2",
        "Loss type",
        help="The guide: L2. Huber and smooth L1 care less about single bad pictures.",
        choices=("l2", "l1", "huber", "smooth_l1"),
        more=True,
    )
    huber_schedule: str = setting(
        "snr",
        "Huber schedule",
        help="How Huber and smooth L1 change with the noise.",
        choices=("snr", "exponential", "constant"),
        more=True,
    )
    huber_c: float = setting(
        0.1,
        "Huber c",
        help="Where Huber and smooth L1 turn from square to straight.",
        minimum=1e-6,
        maximum=1000,
        more=True,
    )
    huber_scale: float = setting(
        1.0,
        "Huber scale",
        help="Multiplies Huber c with the schedules exponential and constant; snr does not use it.",
        minimum=1e-6,
        maximum=1000,
        more=True,
    )
    min_snr_gamma: float = setting(
        0.0,
        "Min SNR gamma",
        help="Keeps nearly clean pictures from drowning the rest. The guide: 5 for NAI. 0 is off.",
        minimum=0,
        maximum=100,
    )
    debiased_estimation_loss: bool = setting(
        False,
        "Debiased estimation",
        help="Weighs the noise levels against each other; instead of Min SNR gamma.",
        more=True,
    )
    scale_v_pred_loss_like_noise_pred: bool = setting(
        False,
        "Scale v-prediction loss",
        help="Weighs a v-prediction model's loss as that of a noise-predicting one.",
        more=True,
    )
    masked_loss: str = setting(
        "off",
        "Masked loss",
        help="Learn only what is white in a mask: the picture's own alpha, or a picture of the same "
        "name in a folder called masks.",
        choices=("off", "alpha", "folder"),
        more=True,
    )
    max_grad_norm: float = setting(
        1.0,
        "Max grad norm",
        help="Longer steps are cut to this. 0 is off.",
        minimum=0,
        maximum=1000,
        more=True,
    )
    scale_weight_norms: float = setting(
        0.0,
        "Scale weight norms",
        help="Keeps each layer's change below this length. 0 is off; 1 is a usual value.",
        minimum=0,
        maximum=1000,
        more=True,
    )
    ema: bool = setting(
        False,
        "EMA of the LoRA",
        help="Also saves a smoothed copy of each epoch, named -ema: less chance in it.",
        more=True,
    )
    ema_decay: float = setting(
        0.99,
        "EMA decay",
        help="How much of the smoothed copy stays at each step.",
        minimum=0,
        maximum=0.999999,
        more=True,
    )
    args: dict[str, Any] = setting(  # noqa: RUF009  (setting() makes a fresh dict each time)
        {},
        "Optional args",
        help="The optimizer's own settings, such as weight_decay.",
    )
