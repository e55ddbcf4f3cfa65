"""Noise: what is mixed into the pictures, and how strongly."""

from __future__ import annotations

from dataclasses import dataclass

from lorabake.core.settings import setting


@dataclass(frozen=True, kw_only=True)
class NoiseSettings:
    """The page's "Noise Args". The guide leaves them alone; its IP noise gamma is under Network Args."""

    noise_offset: float = setting(
        0.0,
        "Noise offset",
        help="Moves the brightness of the noise, so that very dark and bright pictures are learned. "
        "0 is off; about 0.05 is usual.",
        minimum=0,
        maximum=1,
        more=True,
    )
    noise_offset_random_strength: bool = setting(
        False, "Random noise offset", help="Anything from 0 to the noise offset.", more=True
    )
    multires_noise_iterations: int = setting(
        0,
        "Multires noise",
        unit="layers",
        help="Noise of several sizes. 0 is off; 6 is usual. Instead of a noise offset.",
        minimum=0,
        maximum=16,
        more=True,
    )
    multires_noise_discount: float = setting(
        0.3,
        "Multires discount",
        help="How much weaker each larger size is.",
        minimum=0,
        maximum=1,
        more=True,
    )
    ip_noise_gamma_random_strength: bool = setting(
        False, "Random IP noise", help="Anything from 0 to the IP noise gamma.", more=True
    )
    min_timestep: int = setting(
        0,
        "Lowest timestep",
        help="From this noise level; 0 is a clean picture.",
        minimum=0,
        maximum=999,
        more=True,
    )
    max_timestep: int = setting(
        1000,
        "Highest timestep",
        help="Below this noise level; 1000 is pure noise.",
        minimum=1,
        maximum=1000,
        more=True,
    )
