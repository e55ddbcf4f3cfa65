"""What must be settled before gradio is imported: its variables, its cache, the working folder.

Gradio falls back to `GRADIO_*` variables wherever an argument is empty, keeps its cache in a folder
shared by every Gradio app of the machine, and serves what lies in the working folder.
"""

from __future__ import annotations

import errno
import inspect
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIRST_PORT = 7860
PORTS = 100
DAY = 24 * 60 * 60.0
LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Space:
    """The Hugging Face Space that this runs on. host: under which it is called."""

    host: str


def the_space() -> Space | None:
    """What the Hub has set in the environment; None elsewhere.

    Gradio is not told any more: on a Space it would add routes for a developer's live changes.
    """
    name = os.environ.pop("SPACE_ID", "")
    host = os.environ.pop("SPACE_HOST", "")
    os.environ.pop("SYSTEM", "")
    if not name and not host:
        return None
    return Space(host.lower() or re.sub(r"[^a-z0-9]+", "-", name.lower()) + ".hf.space")


def prepare(cache: Path) -> None:
    """Give this process a private cache and an empty working folder, and nothing to phone home with."""
    for name in [name for name in os.environ if name.upper().startswith("GRADIO_")]:
        del os.environ[name]
    private = private_folder(cache / "gradio")
    empty = private_folder(cache / "empty")
    sweep(private, older_than=DAY)
    sweep(private_folder(cache / "uploads"), older_than=DAY)
    os.environ["GRADIO_TEMP_DIR"] = str(private)
    os.environ["GRADIO_EXAMPLES_CACHE"] = str(private / "examples")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["DIFFUSERS_DISABLE_REMOTE_CODE"] = "1"
    os.environ["MPLCONFIGDIR"] = str(private_folder(cache / "matplotlib"))
    _bypass_proxy()
    os.chdir(empty)


@contextmanager
def without_stub_files() -> Iterator[None]:
    """Import gradio inside of this: it takes half the time.

    Each component class makes Gradio parse its source and write a `.pyi` file for editors, at every
    start. It leaves that out for classes whose file cannot be found, which is what this says.
    """
    getfile = inspect.getfile

    def hidden(object: Any) -> str:
        if isinstance(object, type) and object.__module__.startswith("gradio."):
            raise OSError("not needed")
        return getfile(object)

    inspect.getfile = hidden
    try:
        yield
    finally:
        inspect.getfile = getfile


def private_folder(path: Path) -> Path:
    """The folder, made if needed, that only this user may open."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.chmod(0o700)
    return path


def sweep(folder: Path, *, older_than: float) -> None:
    """Delete what has lain in a cache for `older_than` seconds; after a kill nobody else would."""
    limit = time.time() - older_than
    for entry in folder.iterdir():
        if entry.lstat().st_mtime > limit:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def free_port(wanted: int | None = None, host: str = "127.0.0.1") -> int:
    """`wanted` if the page can listen there, else the next one where it can; from 7860 on.

    SystemExit with the reason when there is none.
    """
    first = FIRST_PORT if wanted is None else wanted
    last = min(first + PORTS - 1, 65535)
    refused: set[int | None] = set()
    for port in range(first, last + 1):
        try:
            _listen(host, port)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EPERM):
                raise SystemExit(_no_address(host, error)) from error
            refused.add(error.errno)
            continue
        return port
    if refused and errno.EADDRINUSE not in refused:
        raise SystemExit(
            f"You are not allowed to open the ports {first} to {last}; most systems keep those below "
            f"1024 for themselves. Choose another one, such as --port {FIRST_PORT}."
        )
    raise SystemExit(
        f"No free port between {first} and {last}; close something, or choose another with --port."
    )


def _listen(host: str, port: int) -> None:
    """Try it for a moment; OSError when it cannot be."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":  # on Windows this would allow a port that is in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _no_address(host: str, error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"This computer does not have the address {host}, so the page cannot be opened there. "
            "Look whether its network is set up (127.0.0.1 is the computer itself)."
        )
    return f"The page cannot be opened at {host} ({error.strerror or error})."


def _bypass_proxy() -> None:
    """Gradio asks its own address at start; through a proxy that fails."""
    for name in ("NO_PROXY", "no_proxy"):
        present = [part for part in os.environ.get(name, "").split(",") if part]
        os.environ[name] = ",".join([*present, *(h for h in LOCAL if h not in present)])
