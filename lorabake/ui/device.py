"""The device badge, without torch: importing it would cost the page its first seconds."""

from __future__ import annotations

import ctypes
import platform
import sys
from contextlib import suppress
from functools import cache
from importlib import metadata

PRACTICE = "CPU · practice speed"
_NVML = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"


@cache
def device_label() -> str:
    """ "RTX 3060 · 12 GB", "Apple GPU", or "CPU · practice speed"."""
    try:
        torch = metadata.version("torch")
    except metadata.PackageNotFoundError:
        return "torch is missing"
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "Apple GPU"
    if torch.endswith("+cpu"):
        return PRACTICE
    with suppress(OSError, AttributeError, ValueError):
        return _first_nvidia_card() or PRACTICE
    return PRACTICE


class _Memory(ctypes.Structure):
    _fields_ = [
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    ]


def _first_nvidia_card() -> str:
    """Name and memory of card 0 from the driver's own library; "" when it has none."""
    driver = ctypes.CDLL(_NVML)
    if driver.nvmlInit_v2() != 0:
        return ""
    try:
        card, name, memory = ctypes.c_void_p(), ctypes.create_string_buffer(96), _Memory()
        if driver.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(card)) != 0:
            return ""
        driver.nvmlDeviceGetName(card, name, 96)
        driver.nvmlDeviceGetMemoryInfo(card, ctypes.byref(memory))
    finally:
        driver.nvmlShutdown()
    label = name.value.decode("utf-8", "replace").removeprefix("NVIDIA ").removeprefix("GeForce ")
    return f"{label} · {memory.total / 2**30:.0f} GB"
