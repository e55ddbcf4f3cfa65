"""`./launch.sh test`: format, lint, types, layers and every test, in this order, all of them."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .environment import Environment, child_environ
from .failures import COMMAND, LaunchError

_LINT_IMPORTS = (
    "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"
)
STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ruff format --check", ("-m", "ruff", "format", "--check", ".")),
    ("ruff check", ("-m", "ruff", "check", ".")),
    ("mypy", ("-m", "mypy")),
    ("lint-imports", ("-c", _LINT_IMPORTS)),
)
# Everything but what needs a GPU or minutes.
MARKERS = "not gpu and not slow"

_BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "msedge",
    "chrome",
)
_BROWSER_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)


def run_checks(env: Environment, pytest_arguments: Sequence[str]) -> int:
    """Run every step; pytest comes last, so that its summary is the last line. 0 if all passed."""
    environ = child_environ(os.environ) | {
        "HF_HUB_OFFLINE": "1",
        "LORABAKE_CHROMIUM": str(find_browser()),
        "LORABAKE_REQUIRE_BROWSER": "1",  # a browser test that cannot start fails
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),  # the tests' tensors are tiny
    }
    failed = [name for name, arguments in STEPS if _step(env, name, arguments, environ)]
    if failed:
        print(f"\nFailed so far: {', '.join(failed)}", flush=True)
    # Whole files go to one process, because they share what is dear to make; long ones go first.
    at_once = str(min(os.cpu_count() or 1, 4))
    spread = ("-n", at_once, "--dist", "loadfile", "--no-loadscope-reorder")
    tests = ("-m", "pytest", "-m", MARKERS, *spread, *pytest_arguments)
    result = _step(env, "pytest", tests, environ, quiet_end=True)
    if failed:
        print(f"Failed as well: {', '.join(failed)}", file=sys.stderr, flush=True)
    return 1 if failed or result else 0


def _step(
    env: Environment,
    name: str,
    arguments: Sequence[str],
    environ: dict[str, str],
    *,
    quiet_end: bool = False,
) -> int:
    """Run one step in the environment's Python and say how long it took."""
    print(f"\n== {name}", flush=True)
    started = time.monotonic()
    done = subprocess.run([str(env.python), *arguments], cwd=env.root, env=environ, check=False)
    if not quiet_end:
        outcome = "passed" if done.returncode == 0 else "FAILED"
        print(f"-- {name} {outcome} in {time.monotonic() - started:.1f} s", flush=True)
    return done.returncode


def find_browser() -> Path:
    """A Chromium for the browser tests; on Debian and Ubuntu it is installed where that is allowed."""
    found = _installed_browser()
    if found is None and shutil.which("apt-get"):
        _install_chromium()
        found = _installed_browser()
    if found is None:
        raise LaunchError(
            "The tests of the page need a Chromium, and none was found. Install one "
            "(`sudo apt-get install chromium`, or Google Chrome), or set LORABAKE_CHROMIUM to its "
            f"program, then run {COMMAND} test again."
        )
    return found


def _installed_browser() -> Path | None:
    chosen = os.environ.get("LORABAKE_CHROMIUM")
    if chosen:
        if not Path(chosen).is_file():
            raise LaunchError(f"LORABAKE_CHROMIUM names {chosen}, which is not there. Correct it.")
        return Path(chosen)
    names = [found for name in _BROWSERS if (found := shutil.which(name))]
    return next(
        (Path(place) for place in (*names, *_BROWSER_PLACES) if Path(place).is_file()), None
    )


def _install_chromium() -> None:
    """apt-get, as root or through a sudo that asks nothing; what fails is told by find_browser()."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        prefix = []
    elif shutil.which("sudo") and _quiet(["sudo", "-n", "true"]) == 0:
        prefix = ["sudo", "-n"]
    else:
        return
    print("Installing Chromium for the tests of the page …", flush=True)
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    apt += ["-o", "DPkg::Lock::Timeout=300"]
    install = [*apt, "install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"]
    if _quiet([*apt, "update"]) != 0 or _quiet(install) != 0:
        print("  apt-get failed", flush=True)


def _quiet(command: Sequence[str]) -> int:
    """Run a command; its output appears only if it fails."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        print("\n".join(done.stdout.splitlines()[-15:]), flush=True)
    return done.returncode
