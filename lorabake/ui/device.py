"""What is known of this computer without torch: importing it would cost the page its first seconds."""

from __future__ import annotations

import ctypes
import platform
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Final

import psutil

from lorabake.recipe.checks import Machine

PRACTICE = "CPU · practice speed"
FIRST_WITH_BF16: Final = 8  # major compute capability: Ampere, the RTX 30 series
_NVML = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"


@dataclass(frozen=True)
class Card:
    """capability: major number of what it can compute; 0 when its driver does not say."""

    name: str
    mib: float
    capability: int


@cache
def device_label() -> str:
    """ "RTX 3060 · 12 GB", "Apple GPU", or "CPU · practice speed"."""
    torch = _version("torch")
    if torch is None:
        return "torch is missing"
    if _is_apple():
        return "Apple GPU"
    card = nvidia_card()
    return f"{card.name} · {card.mib / 1024:.0f} GB" if card else PRACTICE


@cache
def machine() -> Machine:
    """For the advice; what cannot be told without torch is None."""
    has_8bit = False if _version("bitsandbytes") is None else None
    if _is_apple():
        return Machine("mps", None, None, has_8bit)
    card = nvidia_card()
    if card:
        knows_bf16 = card.capability >= FIRST_WITH_BF16 if card.capability else None
        return Machine("cuda", card.mib, knows_bf16, has_8bit)
    return Machine("cpu", psutil.virtual_memory().total / 2**20, None, has_8bit)


def nvidia_card() -> Card | None:
    """The first card that torch can use, from the driver's own library."""
    if (_version("torch") or "+cpu").endswith("+cpu"):
        return None
    with suppress(OSError, AttributeError, ValueError):
        return _ask_driver()
    return None


class _Memory(ctypes.Structure):
    _fields_ = [
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    ]


def _ask_driver() -> Card | None:
    """Name, memory and capability of card 0; None when there is none."""
    driver = ctypes.CDLL(_NVML)
    if driver.nvmlInit_v2() != 0:
        return None
    try:
        card, name, memory = ctypes.c_void_p(), ctypes.create_string_buffer(96), _Memory()
        major, minor = ctypes.c_int(), ctypes.c_int()
        if driver.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(card)) != 0:
            return None
        driver.nvmlDeviceGetName(card, name, 96)
        driver.nvmlDeviceGetMemoryInfo(card, ctypes.byref(memory))
        driver.nvmlDeviceGetCudaComputeCapability(card, ctypes.byref(major), ctypes.byref(minor))
    finally:
        driver.nvmlShutdown()
    label = name.value.decode("utf-8", "replace").removeprefix("NVIDIA ").removeprefix("GeForce ")
    return Card(label, memory.total / 2**20, major.value)


def _is_apple() -> bool:
    return sys.platform == "darwin" and platform.machine() == "arm64"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
