"""What onnxruntime can run a tagger on here: a graphics card by whatever it offers, else the CPU."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache

from lorabake.core.errors import DeviceError

# onnxruntime's names, the quickest first, by the names a person may choose.
PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "rocm": "MIGraphXExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
LABELS = {
    "CUDAExecutionProvider": "CUDA",
    "MIGraphXExecutionProvider": "ROCm",
    "DmlExecutionProvider": "DirectML",
    "CoreMLExecutionProvider": "CoreML",
    "CPUExecutionProvider": "CPU",
}
GRAPHICS = ("CUDA", "ROCm", "DirectML")  # quick enough for the largest taggers
DEVICES = ("auto", *PROVIDERS)


def providers(device: str = "auto") -> list[str]:
    """onnxruntime's names of what to try, in order; DeviceError when the device is not here."""
    import onnxruntime

    if device not in DEVICES:
        raise DeviceError(f"There is no device {device!r}. There are: {', '.join(DEVICES)}.")
    built_in = onnxruntime.get_available_providers()
    usable = [
        name
        for name in PROVIDERS.values()
        if name in built_in and (name != PROVIDERS["cuda"] or has_nvidia())
    ]
    if device == "auto":
        return usable
    if PROVIDERS[device] not in usable:
        raise DeviceError(
            f"Taggers cannot run on {LABELS[PROVIDERS[device]]} here. Choose auto, or install the "
            "onnxruntime that is made for it."
        )
    return list(dict.fromkeys([PROVIDERS[device], PROVIDERS["cpu"]]))


def has_graphics() -> bool:
    """Is there a card that makes the largest taggers quick?"""
    return any(LABELS[name] in GRAPHICS for name in providers())


@cache
def has_nvidia() -> bool:
    """Asks the driver, not torch, which takes seconds to load. Heeds CUDA_VISIBLE_DEVICES."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    with suppress(OSError, AttributeError):
        name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
        driver = ctypes.CDLL(name)
        count = ctypes.c_int(0)
        return (
            driver.cuInit(0) == 0
            and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
            and count.value > 0
        )
    return False


def prepare_libraries(wanted: Sequence[str]) -> None:
    """CUDA's libraries came with torch; onnxruntime finds them when they are loaded before."""
    import onnxruntime

    if PROVIDERS["cuda"] in wanted and hasattr(onnxruntime, "preload_dlls"):
        with _quiet():
            onnxruntime.preload_dlls()


class _quiet:  # noqa: N801
    """Nothing on standard output meanwhile: it may be the JSON of a verb."""

    def __enter__(self) -> None:
        self._before, sys.stdout = sys.stdout, sys.stderr

    def __exit__(self, *_: object) -> None:
        sys.stdout = self._before
