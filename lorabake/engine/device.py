"""Where to compute, and in which number format."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lorabake.core.cpus import cpu_count
from lorabake.core.errors import DeviceError

if TYPE_CHECKING:
    import torch

SMALL_NETWORK = 30_000_000  # parameters


@dataclass(frozen=True)
class DeviceInfo:
    """kind: "cuda", "mps" or "cpu". mib: memory of the card, or of the machine for "cpu"."""

    kind: str
    name: str
    mib: int

    @property
    def label(self) -> str:
        """For the page's badge."""
        return (
            f"{self.name} · {self.mib / 1024:.0f} GB"
            if self.kind != "cpu"
            else "CPU · practice speed"
        )


def find_device() -> DeviceInfo:
    """The best device of this machine. Imports torch."""
    import torch

    if torch.cuda.is_available():
        about = torch.cuda.get_device_properties(0)
        return DeviceInfo(
            "cuda", about.name.removeprefix("NVIDIA GeForce "), about.total_memory // 2**20
        )
    if torch.backends.mps.is_available():
        return DeviceInfo("mps", "Apple GPU", _machine_mib())
    return DeviceInfo("cpu", "CPU", _machine_mib())


def free_mib(device: DeviceInfo) -> float:
    """MiB of the device's memory that nobody uses now; 0 when it does not say."""
    if device.kind == "cuda":
        import torch

        return float(torch.cuda.mem_get_info(0)[0]) / 2**20
    import psutil

    return float(psutil.virtual_memory().available) / 2**20


def _machine_mib() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (AttributeError, OSError, ValueError):
        return 0  # Windows has no sysconf; the figure is only shown


def choose_dtype(mixed_precision: str, kind: str) -> torch.dtype:
    """The number format of the base model's weights for a recipe's "Training precision".

    A CPU has no useful fp16, so full precision stands in for it there.
    """
    import torch

    if mixed_precision == "no" or (mixed_precision == "fp16" and kind == "cpu"):
        return torch.float32
    if mixed_precision == "fp16":
        return torch.float16
    if kind == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise DeviceError(
            f"{torch.cuda.get_device_name(0)} does not know bf16. Set Training precision to fp16 "
            "under General Args."
        )
    return torch.bfloat16


def set_threads(parameters: int, kind: str) -> None:
    """CPU threads for a network of this size, and no denormal numbers.

    Small networks gain little from a second core and, when another program keeps one busy, waiting
    for it costs them more than tenfold. Denormals appear in weights and moments that fade to zero,
    and slow some processors down five times.
    """
    import torch

    torch.set_flush_denormal(True)
    if kind == "cpu" and parameters < SMALL_NETWORK:
        torch.set_num_threads(1)
    elif kind == "cpu" and torch.get_num_threads() > cpu_count():  # in a container
        torch.set_num_threads(cpu_count())
