"""How a grid's pictures are drawn: the settings that both of its forms ask for, said once.

steps: int = steps_setting()
"""

from __future__ import annotations

from typing import Any

from lorabake.core.settings import setting
from lorabake.engine.sampler_names import SAMPLER_NAMES


def steps_setting() -> Any:
    return setting(
        20,
        "Steps",
        help="How often each picture is worked over. Not in the guide; 20 is the web UIs' "
        "default. Too few leave it blurred or broken; more takes longer and soon changes "
        "little.",
        minimum=1,
        maximum=150,
        more=True,
    )


def cfg_setting() -> Any:
    return setting(
        5.0,
        "CFG scale",
        help="How strictly the prompt is followed. Not in the guide; 5 is our own. Too low "
        "wanders off; too high is garish and hard.",
        minimum=1,
        maximum=30,
        more=True,
    )


def sampler_setting() -> Any:
    return setting(
        "Euler a",
        "Sampler",
        help="How noise becomes a picture. Not in the guide. Take the one you draw with later, "
        "because each looks a little different.",
        choices=SAMPLER_NAMES,
        more=True,
    )


def size_setting() -> Any:
    return setting(
        "",
        "Size",
        unit="px",
        help="WIDTHxHEIGHT; empty: as it was trained. Not in the guide. Larger takes longer and "
        "may draw figures twice; smaller loses detail.",
        more=True,
    )
