"""The environment in .venv: made, filled and completed; left alone when nothing changed."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from . import torch_wheels
from .failures import COMMAND, LaunchError, explain_os_error, explain_pip, explain_venv

FORMAT = 1  # raise it when the steps of the installation change
GIB = 1024**3
TORCH = ("torch", "torchvision")


@dataclass(frozen=True)
class Environment:
    """The places of one installation; `root` is the folder of launch.sh."""

    root: Path

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        if sys.platform == "win32":
            return self.venv / "Scripts" / "python.exe"
        return self.venv / "bin" / "python"

    @property
    def packages(self) -> Path:
        if sys.platform == "win32":
            return self.venv / "Lib" / "site-packages"
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        return self.venv / "lib" / version / "site-packages"

    @property
    def log(self) -> Path:
        return self.root / ".cache" / "install.log"

    @property
    def stamp(self) -> Path:
        """What the complete installation was made from. Removed before anything is changed."""
        return self.venv / "lorabake-setup.json"

    @property
    def torch_note(self) -> Path:
        """The variant of torch that is installed."""
        return self.venv / "lorabake-torch.txt"

    def requirements(self, *, tests: bool) -> list[Path]:
        names = ["requirements.txt", "requirements-override.txt"]
        return [self.root / name for name in (*names, *(["requirements-dev.txt"] if tests else []))]


def prepare(env: Environment, *, tests: bool = False) -> None:
    """Make sure that .venv holds what the requirements ask for; quick when it already does."""
    if _is_complete(env, tests=tests):
        return
    try:
        env.log.parent.mkdir(exist_ok=True)
        with _only_one(env.log.parent / "setup.lock"):
            if not _is_complete(env, tests=tests):  # another launcher may have done it meanwhile
                env.log.write_text("", encoding="utf-8")
                _install(env, tests=tests)
    except OSError as error:
        raise LaunchError(explain_os_error(error, env.root)) from error


def child_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for pip, the app and the tests."""
    result = {k: v for k, v in environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    result["PYTHONUTF8"] = "1"
    result["PIP_USER"] = "0"  # a `user = true` in pip's settings cannot work in an environment
    result["PIP_NO_INPUT"] = "1"  # a question that nobody sees would look like a hang
    result["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    for key in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in result.get(key, "").split(",") if host.strip()]
        local = [host for host in ("localhost", "127.0.0.1", "::1") if host not in hosts]
        result[key] = ",".join(hosts + local)
    return result


# --- whether anything is to do -------------------------------------------------------------------


def digest(env: Environment, *, tests: bool) -> str:
    """Of everything that decides what .venv must hold."""
    parts = [f"format {FORMAT}", str(sys.version_info[:2]), torch_wheels.fingerprint(os.environ)]
    parts += [path.read_text(encoding="utf-8") for path in env.requirements(tests=tests)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _is_complete(env: Environment, *, tests: bool) -> bool:
    if not env.python.exists():
        return False
    try:
        stamp = json.loads(env.stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    kinds = ("tests",) if tests else ("app", "tests")
    return any(stamp.get(kind) == digest(env, tests=kind == "tests") for kind in kinds)


def _write_stamp(env: Environment, *, tests: bool) -> None:
    temporary = env.stamp.with_suffix(".tmp")
    kind = "tests" if tests else "app"
    temporary.write_text(json.dumps({kind: digest(env, tests=tests)}), encoding="utf-8")
    temporary.replace(env.stamp)


@contextlib.contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Hold `lock`, so that two launchers never install at the same time."""
    with lock.open("a+b") as file:
        if not _try_lock(file.fileno()):
            print("Another launcher is setting up lorabake; waiting for it …", flush=True)
            while not _try_lock(file.fileno()):
                time.sleep(0.5)
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


# --- the installation ----------------------------------------------------------------------------


def _install(env: Environment, *, tests: bool) -> None:
    """Every step can be repeated: after a broken-off installation pip completes what is missing."""
    started = time.monotonic()
    env.stamp.unlink(missing_ok=True)
    requirements = (env.root / "requirements.txt").read_text(encoding="utf-8")
    torch_lines = torch_wheels.requirement_lines(requirements, TORCH)
    if not _venv_works(env):
        _make_venv(env)
    _upgrade_pip(env)
    _install_torch(env, torch_lines)
    pinned = _versions(env, TORCH)
    constraints = env.venv / "lorabake-constraints.txt"
    lines = [f"{name}=={version}\n" for name, version in pinned.items()]
    constraints.write_text("".join(lines), encoding="utf-8")
    held = ["-c", str(constraints), "-r"]
    _pip(env, "the packages of the app", "install", *held, str(env.root / "requirements.txt"))
    if tests:
        _pip(
            env, "the tools of the tests", "install", *held, str(env.root / "requirements-dev.txt")
        )
    override = env.root / "requirements-override.txt"
    _pip(env, "newer image decoders", "install", "--no-deps", "-r", str(override))
    if _versions(env, TORCH) != pinned:
        raise LaunchError(
            "Another package replaced the torch that was chosen for this machine. "
            f"Delete the folder .venv and run {COMMAND} again. Log: {env.log}"
        )
    _make_importable(env)
    print(f"  {_describe_torch(env)}")
    _write_stamp(env, tests=tests)
    print(f"Set up in {time.monotonic() - started:.0f} s.\n", flush=True)


def _venv_works(env: Environment) -> bool:
    """Whether .venv has a running Python of our version with pip in it."""
    if not env.python.exists():
        return False
    code = "import pip, sys; print(*sys.version_info[:2])"
    done = _capture(env, [str(env.python), "-c", code])
    written = re.search(r"^version\s*=\s*(\d+)\.(\d+)", _read(env.venv / "pyvenv.cfg"), re.M)
    ours = f"{sys.version_info[0]} {sys.version_info[1]}"
    # The packages belong to the version in pyvenv.cfg, the program may meanwhile be another one.
    return (
        done.stdout.strip() == ours and written is not None and " ".join(written.groups()) == ours
    )


def _make_venv(env: Environment) -> None:
    print(f"Making the environment in {env.venv} …", flush=True)
    # Started from inside a broken .venv, the base is the Python that it was made from.
    base = str(getattr(sys, "_base_executable", None) or sys.executable)
    done = _capture(env, [base, "-m", "venv", "--clear", str(env.venv)])
    output = done.stdout + done.stderr
    with env.log.open("a", encoding="utf-8") as log:
        log.write(output)
    if done.returncode != 0:
        sentence = explain_venv(output, returncode=done.returncode)
        raise LaunchError(f"{sentence} Log: {env.log}")


def _upgrade_pip(env: Environment) -> None:
    """A pip that continues broken-off downloads (25.2) and trusts the system's certificates (24.2)."""
    if _version_tuple(_versions(env, ["pip"])["pip"]) >= (25, 2):
        return
    try:
        _pip(env, "pip", "install", "--retries", "1", "--upgrade", "pip>=25.2")
    except LaunchError:
        # An index may lack it. Without network or disk the next step fails too, and says why.
        print("  (going on with the pip that Python brought)", flush=True)


def _install_torch(env: Environment, lines: Sequence[str]) -> None:
    source = torch_wheels.choose(lines[0], os.environ)
    if source.note:
        print(source.note, flush=True)
    installed = _versions(env, TORCH)
    if not installed:
        _check_disk(env, 15 if source.is_large else 6)
    before = _read(env.torch_note).strip()
    if installed and before and before != source.variant:
        _pip(env, "the old torch (removing)", "uninstall", "-y", *TORCH)
    index = ["--index-url", source.index] if source.index else []
    _pip(env, f"torch ({source.variant})", "install", *index, *lines)
    env.torch_note.write_text(source.variant, encoding="utf-8")


def _check_disk(env: Environment, gib: int) -> None:
    free = shutil.disk_usage(env.root).free / GIB
    if free < gib:
        raise LaunchError(
            f"The first installation needs {gib} GB of free disk, and there are {free:.1f} GB at "
            f"{env.root}. Make room or move the lorabake folder to a larger disk, "
            f"then run {COMMAND} again."
        )


def _make_importable(env: Environment) -> None:
    """Let .venv find the package `lorabake` from any working folder.

    The line is relative, so the folder may be moved, and its letters do not matter.
    """
    up = Path(os.path.relpath(env.root, env.packages)).as_posix()
    (env.packages / "lorabake-root.pth").write_text(up + "\n", encoding="utf-8")


def _describe_torch(env: Environment) -> str:
    """Load torch once: a build that does not work here should be found now."""
    code = (
        "import torch, torchvision; c = torch.cuda;"
        "print('torch', torch.__version__, 'on', c.get_device_name(0) if c.is_available()"
        " else 'the CPU (no GPU that it can use)')"
    )
    done = _capture(env, [str(env.python), "-c", code])
    if done.returncode == 0:
        return done.stdout.strip().splitlines()[-1]
    with env.log.open("a", encoding="utf-8") as log:
        log.write(done.stdout + done.stderr)
    if sys.platform == "win32" and "DLL" in done.stderr:
        raise LaunchError(
            "torch cannot start because Microsoft's C++ runtime is missing. Install "
            f"https://aka.ms/vs/17/release/vc_redist.x64.exe and run {COMMAND} again. Log: {env.log}"
        )
    raise LaunchError(
        "torch was installed but does not start on this machine. Delete the folder .venv and run "
        f"{COMMAND} again; LORABAKE_TORCH_INDEX chooses another build. Log: {env.log}"
    )


# --- pip -----------------------------------------------------------------------------------------


def _pip(env: Environment, what: str, *arguments: str) -> None:
    """Run pip with its output in the log and its progress on the screen; LaunchError if it fails."""
    started = time.monotonic()
    print(f"  {what} …", end="" if sys.stdout.isatty() else "\n", flush=True)
    command = [str(env.python), "-m", "pip", *arguments]
    if arguments[0] == "install":
        command += ["--prefer-binary"]
        if _version_tuple(_versions(env, ["pip"])["pip"]) >= (24, 1):
            command += ["--progress-bar", "raw"]
    output: list[str] = []
    with env.log.open("a", encoding="utf-8") as log:
        log.write(re.sub(r"://[^/@\s]+@", "://****@", f"\n$ {' '.join(command)}\n"))
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=child_environ(os.environ),
        )
        assert process.stdout is not None
        for line in process.stdout:
            progress = re.match(r"Progress (\d+) of (\d+)", line)
            if not progress:
                output.append(line)
                log.write(line)
            _show(what, output[-1] if output else "", progress)
        returncode = process.wait()
    _show(what, "", None)
    if returncode != 0:
        print()
        proxies = urllib.request.getproxies()
        sentence = explain_pip("".join(output), returncode=returncode, proxies=proxies)
        raise LaunchError(f"{sentence} Log: {env.log}")
    if sys.stdout.isatty():
        print(f"\r  {what}: {time.monotonic() - started:.0f} s", flush=True)


def _show(what: str, line: str, progress: re.Match[str] | None) -> None:
    """The state of pip in one line of the terminal."""
    if not sys.stdout.isatty():
        return
    text = f"  {what} … {line.strip()}"
    if progress and int(progress[2]):
        text += f" {100 * int(progress[1]) // int(progress[2])} %"
    width = shutil.get_terminal_size().columns - 1
    print(f"\r{text[:width]:<{width}}", end="", flush=True)


def _versions(env: Environment, names: Sequence[str]) -> dict[str, str]:
    """The installed versions of those of `names` that are installed."""
    place = [str(env.packages)]
    found = {name: next(iter(distributions(name=name, path=place)), None) for name in names}
    return {name: package.version for name, package in found.items() if package is not None}


def _version_tuple(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _capture(env: Environment, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        errors="replace",
        cwd=env.root,
        env=child_environ(os.environ),
        check=False,
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
