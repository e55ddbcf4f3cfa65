"""Which build of torch fits this machine, and where its wheels are.

PyTorch keeps one wheel index for each kind of build ("variant"): cpu, cu126, cu130, rocm7.2 …
"""

import platform
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .failures import LaunchError

PYTORCH = "https://download.pytorch.org/whl"
PROBE_SECONDS = 5.0
# Newest first; which of them has wheels of a fitting torch is asked of the index.
ROCM_VARIANTS = ("rocm7.4", "rocm7.3", "rocm7.2", "rocm7.1", "rocm7.0")


@dataclass(frozen=True)
class TorchSource:
    """Where torch is installed from.

    variant: cu130, cu126, rocm7.2, cpu; "own" for LORABAKE_TORCH_INDEX, "default" for pip's index.
    index: URL of the wheel index, or None for the index that pip is configured with.
    note: a line for the user, or "".
    """

    variant: str
    index: str | None
    note: str = ""

    @property
    def is_large(self) -> bool:
        """True for builds that bring several GB of GPU libraries."""
        if self.variant == "default":
            return sys.platform == "linux"
        return self.variant != "cpu"


def fingerprint(environ: Mapping[str, str]) -> str:
    """What the choice depends on, as far as it costs nothing to ask at every start."""
    has_driver = find_nvidia_smi() is not None
    return f"{environ.get('LORABAKE_TORCH_INDEX', '')}|{_wants_rocm(environ)}|{has_driver}"


def choose(requirement: str, environ: Mapping[str, str]) -> TorchSource:
    """The source of torch for this machine; `requirement` is torch's line in requirements.txt."""
    own = environ.get("LORABAKE_TORCH_INDEX", "").strip()
    if own:
        return TorchSource("own", own)
    variants, note = variants_for(sys.platform, *read_driver(), rocm=_wants_rocm(environ))
    source = first_with_wheels(variants, requirement)
    return TorchSource(source.variant, source.index, " ".join(filter(None, (note, source.note))))


def variants_for(
    system: str, smi: str, capabilities: Iterable[float], *, rocm: bool
) -> tuple[tuple[str, ...], str]:
    """Variants to try in this order (none: take pip's own index), and a line for the user.

    smi: what nvidia-smi printed, "" without a driver. capabilities: the GPUs' compute capabilities.
    """
    if system == "darwin":
        return (), ""
    if rocm:
        if system != "linux":
            return (
                "cpu",
            ), "torch for AMD GPUs exists for Linux only; installing the one for the CPU."
        return ROCM_VARIANTS, ""
    if not smi:
        return ("cpu",), ""
    cuda = driver_cuda(smi)
    if cuda is None:
        return ("cpu",), (
            "nvidia-smi does not answer as it should, so torch for the CPU is installed. "
            "Reinstall the NVIDIA driver to train on the GPU."
        )
    if cuda < (12, 0):
        return ("cu126",), (
            f"The NVIDIA driver is too old (CUDA {cuda[0]}.{cuda[1]}). Update it to train on the GPU."
        )
    # CUDA 13 no longer has code for Maxwell, Pascal and Volta (GTX 900 and 1000, Titan V).
    if cuda >= (13, 0) and all(capability >= 7.5 for capability in capabilities):
        return ("cu130", "cu126"), ""
    return ("cu126",), ""


def driver_cuda(smi: str) -> tuple[int, int] | None:
    """The newest CUDA that the driver supports, from nvidia-smi's table.

    Drivers up to 600 write "CUDA Version: 13.0", later ones "CUDA UMD Version: 13.3".
    """
    found = re.search(r"CUDA (?:UMD )?Version\s*:\s*(\d+)\.(\d+)", smi)
    return (int(found[1]), int(found[2])) if found else None


def find_nvidia_smi() -> str | None:
    """The path of nvidia-smi; on WSL it is not always on PATH."""
    return shutil.which("nvidia-smi") or shutil.which("nvidia-smi", path="/usr/lib/wsl/lib")


def read_driver() -> tuple[str, list[float]]:
    """nvidia-smi's table ("" without a driver) and the compute capability of each GPU."""
    program = find_nvidia_smi()
    if program is None:
        return "", []
    table = _output([program]) or "no answer"
    capabilities = _output([program, "--query-gpu=compute_cap", "--format=csv,noheader"])
    return table, [float(text) for text in re.findall(r"^\s*(\d+\.\d+)\s*$", capabilities, re.M)]


def first_with_wheels(
    variants: Iterable[str],
    requirement: str,
    *,
    base: str = PYTORCH,
    fetch: "Callable[[str], str | None] | None" = None,
) -> TorchSource:
    """The first variant whose index has a torch for this Python; pip's own index if none can be had."""
    fetch = fetch or fetch_listing
    tried = []
    for variant in variants:
        index = f"{base}/{variant}"
        try:
            listing = fetch(f"{index}/torch/")
        except OSError:
            return TorchSource(
                "default", None, _fallback("PyTorch's wheel index cannot be reached")
            )
        if listing is not None and has_wheel(listing, requirement):
            return TorchSource(variant, index)
        tried.append(variant)
    if not tried:
        return TorchSource("default", None)
    reason = f"PyTorch's wheel index has no fitting torch ({', '.join(tried)})"
    return TorchSource("default", None, _fallback(reason))


def has_wheel(listing: str, requirement: str) -> bool:
    """Whether an index page names a wheel of a required version for this Python and system."""
    lower, upper = bounds(requirement)
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    system = {"win32": "win", "linux": "linux", "darwin": "macosx"}.get(sys.platform, sys.platform)
    machine = platform.machine().lower()
    for name in re.findall(r"torch-\d[^\s\"'<>]*?\.whl", listing):
        version = re.match(r"torch-(\d+)\.(\d+)", name)
        fits = version and lower <= (int(version[1]), int(version[2])) < upper
        if fits and f"-{tag}-{tag}-" in name and system in name and machine in name:
            return True
    return False


def bounds(requirement: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """(2, 14), (2, 16) from "torch>=2.14,<2.16"."""
    lower = re.search(r">=\s*(\d+)\.(\d+)", requirement)
    upper = re.search(r"<\s*(\d+)\.(\d+)", requirement)
    return (
        (int(lower[1]), int(lower[2])) if lower else (0, 0),
        (int(upper[1]), int(upper[2])) if upper else (999, 0),
    )


def fetch_listing(url: str) -> str | None:
    """The page at `url` (through the proxies of the environment), or None if there is none.

    Raises OSError when the server cannot be reached.
    """
    try:
        with urllib.request.urlopen(url, timeout=PROBE_SECONDS) as answer:
            return str(answer.read().decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        if error.code in (403, 404):  # the index answers 403 for folders it does not have
            return None
        raise


def requirement_lines(text: str, names: Iterable[str]) -> list[str]:
    """The lines of a requirements file for `names`, in that order."""
    lines = []
    for name in names:
        found = re.search(rf"^{re.escape(name)}(?![\w.-]).*$", text, re.M)
        if not found:
            raise LaunchError(f"requirements.txt does not name {name}. Restore the file.")
        lines.append(found[0].split("#")[0].strip())
    return lines


def _wants_rocm(environ: Mapping[str, str]) -> bool:
    return environ.get("LORABAKE_ROCM", "").strip().lower() not in ("", "0", "no", "false")


def _fallback(reason: str) -> str:
    return (
        f"{reason}; taking the torch of pip's own index instead "
        "(LORABAKE_TORCH_INDEX=URL chooses another)."
    )


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
