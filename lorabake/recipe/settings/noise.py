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
        help="Moves the brightness of all noise, so that very dark and very bright pictures are "
        "learned. Not in the guide; 0 is off, about 0.05 is usual. Too high, and "
        "everything comes out too dark or too bright.",
        minimum=0,
        maximum=1,
        more=True,
    )
    noise_offset_random_strength: bool = setting(
        False,
        "Random noise offset",
        help="Anything from 0 to the noise offset, anew for each batch. Not in the guide. Off, "
        "it is always all of it.",
        more=True,
    )
    multires_noise_iterations: int = setting(
        0,
        "Multires noise",
        unit="layers",
        help="Adds noise of coarser and coarser sizes (pyramid noise), instead of a noise "
        "offset. Not in the guide; 0 is off, 6 its trainer's value. More adds next to "
        "nothing, because the sizes end at one pixel.",
        minimum=0,
        maximum=16,
        more=True,
    )
    multires_noise_discount: float = setting(
        0.3,
        "Multires discount",
        unit="times",
        help="How strongly each coarser size counts beside the one before, with Multires noise. "
        "Not in the guide; 0.3 is its trainer's default. Higher, and coarse blotches drown "
        "the rest; 0 leaves fine noise only.",
        minimum=0,
        maximum=1,
        more=True,
    )
    ip_noise_gamma_random_strength: bool = setting(
        False,
        "Random IP noise",
        help="Anything from 0 to the IP noise gamma, anew for each batch. Not in the guide. "
        "Off, it is always all of it.",
        more=True,
    )
    min_timestep: int = setting(
        0,
        "Lowest timestep",
        unit="of 1000",
        help="Trains from this noise level on; 0 is a clean picture. Not in the guide; 0 is its "
        "trainer's default. Higher, and fine detail is not learned.",
        minimum=0,
        maximum=999,
        more=True,
    )
    max_timestep: int = setting(
        1000,
        "Highest timestep",
        unit="of 1000",
        help="Trains below this noise level; 1000 is pure noise. Not in the guide; 1000, all of "
        "them, is its trainer's default. Lower, and large shapes are not learned; above it "
        "there is nothing.",
        minimum=1,
        maximum=1000,
        more=True,
    )
