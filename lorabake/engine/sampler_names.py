"""The samplers there are, by the names web UIs give them; what needs no torch to be shown.

Not among them: the SDE samplers, whose noise comes from a library's own random tree.
"""

from __future__ import annotations

SAMPLER_NAMES = (
    "Euler a",
    "Euler",
    "DPM++ 2M Karras",
    "DDIM",
    "UniPC",
    "DPM++ 2S a Karras",
    "Heun",
    "LMS",
    "LMS Karras",
    "DPM2 Karras",
    "DPM2 a Karras",
)
