"""The samplers there are, by the names web UIs give them; what needs no torch to be shown."""

from __future__ import annotations

SAMPLER_NAMES = ("Euler a", "Euler", "DPM++ 2M Karras", "DDIM")
