"""The launcher: every way to begin, and one sentence with the remedy for every way to fail.

The environments here are real ones (python -m venv, pip, launch.sh), made from tiny wheels, offline.
"""

import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from launcher import environment, running, torch_wheels
from launcher.checks import STEPS, run_checks
from launcher.environment import Environment, child_environ
from launcher.failures import LaunchError, explain_pip, explain_venv

ROOT = Path(__file__).resolve().parents[1]
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="launch.sh is for Linux and macOS")
SH = shutil.which("sh") or "/bin/sh"
STRANGE = "lora bake 🍰 zß 'kopie' $HOME"

SMI_OLD = "| NVIDIA-SMI 550.54.14    Driver Version: 550.54.14    CUDA Version: 12.4     |"
SMI_13 = "| NVIDIA-SMI 580.65.06    Driver Version: 580.65.06    CUDA Version: 13.0     |"
SMI_NEW = "| NVIDIA-SMI 610.43.02    KMD Version: 610.43.02    CUDA UMD Version: 13.3    |"
SMI_ANCIENT = "| NVIDIA-SMI 470.82.01    Driver Version: 470.82.01    CUDA Version: 11.4     |"


# --- which torch ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("smi", "capabilities", "expected"),
    [
        (SMI_13, [8.9], ("cu130", "cu126")),
        (SMI_NEW, [12.0], ("cu130", "cu126")),
        (SMI_13, [6.1], ("cu126",)),  # GTX 1080: CUDA 13 has no code for it
        (SMI_13, [8.6, 7.0], ("cu126",)),
        (SMI_OLD, [8.6], ("cu126",)),
        ("", [], ("cpu",)),
    ],
)
def test_torch_fits_the_driver_and_the_card(smi, capabilities, expected):
    assert torch_wheels.variants_for("linux", smi, capabilities, rocm=False) == (expected, "")


def test_old_or_broken_driver_is_told():
    variants, note = torch_wheels.variants_for("linux", SMI_ANCIENT, [8.6], rocm=False)
    assert variants == ("cu126",)
    assert "Update it" in note
    variants, note = torch_wheels.variants_for("win32", "NVIDIA-SMI has failed", [], rocm=False)
    assert variants == ("cpu",)
    assert "Reinstall the NVIDIA driver" in note


def test_rocm_is_asked_for_and_macos_is_plain():
    assert torch_wheels.variants_for("linux", "", [], rocm=True)[0] == torch_wheels.ROCM_VARIANTS
    assert torch_wheels.variants_for("win32", "", [], rocm=True)[0] == ("cpu",)
    assert torch_wheels.variants_for("darwin", "", [], rocm=False) == ((), "")


REQUIREMENT = "torch>=2.14,<2.16"


def listing(*versions: str) -> str:
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    system = {"win32": "win_amd64", "darwin": "macosx_14_0_arm64"}.get(
        sys.platform, f"manylinux_2_28_{os.uname().machine}" if os.name == "posix" else ""
    )
    names = [f"torch-{version}-{tag}-{tag}-{system}.whl" for version in versions]
    return "".join(f'<a href="/whl/{name}#sha256=00">{name}</a>\n' for name in names)


def test_first_index_with_a_fitting_wheel_is_taken():
    pages = {
        "https://wheels/cu130/torch/": listing("2.13.0%2Bcu130", "2.16.0%2Bcu130"),
        "https://wheels/cu126/torch/": listing("2.15.0%2Bcu126"),
    }
    source = torch_wheels.first_with_wheels(
        ("cu132", "cu130", "cu126"), REQUIREMENT, base="https://wheels", fetch=pages.get
    )
    assert source == torch_wheels.TorchSource("cu126", "https://wheels/cu126")


def test_wheels_for_another_python_or_system_do_not_count():
    page = listing("2.15.0")
    assert torch_wheels.has_wheel(page, REQUIREMENT)
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    assert not torch_wheels.has_wheel(page.replace(tag, "cp39"), REQUIREMENT)
    assert not torch_wheels.has_wheel(
        page.replace(f"-{tag}-{tag}-", f"-{tag}-{tag}t-"), REQUIREMENT
    )


def test_unreachable_index_falls_back_to_pips_own_in_one_line():
    def unreachable(url: str) -> str:
        raise OSError("no route")

    source = torch_wheels.first_with_wheels(("cu130",), REQUIREMENT, fetch=unreachable)
    assert (source.variant, source.index) == ("default", None)
    assert "cannot be reached" in source.note
    assert "\n" not in source.note
    empty = torch_wheels.first_with_wheels(("rocm7.2",), REQUIREMENT, fetch=lambda url: None)
    assert empty.index is None
    assert "rocm7.2" in empty.note


def test_probe_gives_up_soon_and_knows_a_missing_index(monkeypatch):
    monkeypatch.setattr(torch_wheels, "PROBE_SECONDS", 0.2)
    with web_server(lambda path: (404, b"")) as address:
        assert torch_wheels.fetch_listing(f"{address}/cu999/torch/") is None
    with silent_server() as port:
        started = time.monotonic()
        with pytest.raises(OSError, match="timed out"):
            torch_wheels.fetch_listing(f"http://127.0.0.1:{port}/cpu/torch/")
        assert time.monotonic() - started < 3


def test_own_index_wins():
    source = torch_wheels.choose(REQUIREMENT, {"LORABAKE_TORCH_INDEX": "https://mirror/torch"})
    assert source == torch_wheels.TorchSource("own", "https://mirror/torch")


def test_requirements_keep_torch_in_bounds():
    """Whoever raises the bounds has to have tried the new version."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    torch, vision = torch_wheels.requirement_lines(text, environment.TORCH)
    assert torch_wheels.bounds(torch)[0] >= (2, 14)
    assert vision.startswith("torchvision>=")
    with pytest.raises(LaunchError, match="does not name torch"):
        torch_wheels.requirement_lines("torch-fidelity>=1\n", ["torch"])


# --- failures in one sentence --------------------------------------------------------------------


def pip_output(tmp_path: Path, *arguments: str, **environ: str) -> tuple[int, str]:
    """What the real pip prints, in an environment without anybody's settings."""
    clean = {k: v for k, v in os.environ.items() if not k.upper().startswith(("PIP_", "HTTP"))}
    clean |= {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "1", "PIP_TIMEOUT": "3"} | environ
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--target", str(tmp_path / "into"), *arguments],
        capture_output=True,
        text=True,
        env=clean,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_no_name_service(tmp_path):
    code, output = pip_output(tmp_path, "--index-url", "https://packages.invalid/simple", "six")
    assert code != 0
    assert "There is no network" in explain_pip(output)


def test_server_does_not_answer(tmp_path):
    index = f"http://127.0.0.1:{free_port()}/simple"
    code, output = pip_output(tmp_path, "--index-url", index, "six")
    assert code != 0
    assert "could not be reached" in explain_pip(output)


def test_proxy_wants_a_password(tmp_path):
    with proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as port:
        code, output = pip_output(
            tmp_path, "--index-url", "https://packages.invalid/simple", "six",
            HTTPS_PROXY=f"http://127.0.0.1:{port}",
        )  # fmt: skip
    assert code != 0
    assert "USER:PASSWORD@" in explain_pip(output)


def test_proxy_is_gone(tmp_path):
    dead = f"http://127.0.0.1:{free_port()}"
    code, output = pip_output(
        tmp_path, "--index-url", "https://packages.invalid/simple", "six", HTTPS_PROXY=dead
    )
    assert code != 0
    assert "proxy does not answer" in explain_pip(output, proxies={"https": dead})
    assert "proxy" not in explain_pip(output, proxies={"https": "http://proxy.example:3128"})


def test_certificate_is_not_trusted(tmp_path):
    with intercepting_server(tmp_path) as port:
        index = f"https://localhost:{port}/simple"
        code, output = pip_output(tmp_path, "--index-url", index, "six")
    assert code != 0
    assert "PIP_CERT" in explain_pip(output)


def test_nothing_for_this_python(tmp_path):
    code, output = pip_output(
        tmp_path, "--no-index", "--find-links", str(tmp_path), "lorabake-nothing"
    )
    assert code != 0
    assert "nothing for lorabake-nothing" in explain_pip(output)


def test_contradiction(tmp_path):
    wheel(tmp_path, "one", requires=["two<2"])
    wheel(tmp_path, "two", version="3.0")
    wheel(tmp_path, "two", version="1.0")
    code, output = pip_output(tmp_path, "--no-index", "--find-links", str(tmp_path), "one", "two>2")
    assert code != 0
    assert "contradict" in explain_pip(output)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_disk_is_full(tmp_path):
    wheel(tmp_path, "big", content=os.urandom(2 << 20))
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], check=False
    ).returncode:
        pytest.skip("this system does not let us mount")
    try:
        code, output = pip_output(small, "--no-index", "--find-links", str(tmp_path), "big")
    finally:
        subprocess.run(["umount", small], check=True)
    assert code != 0
    assert "The disk is full" in explain_pip(output)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [WinError 112] There is not",
            "disk is full",
        ),
        ("OSError: [Errno 30] Read-only file system: '/srv/lorabake/.venv'", "where you may write"),
        ("PermissionError: [WinError 5] Access is denied: 'torch.dll'", "where you may write"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "damaged"),
        ("ReadTimeoutError: HTTPSConnectionPool(host='x', port=443): Read timed out.", "continues"),
        ("ERROR: HTTP error 403 while getting https://mirror/x.whl", "refused access"),
        ("ERROR: Failed building wheel for scipy", "scipy has no ready-made build"),
        ("something new", "Read the end of the log"),
    ],
)
def test_other_failures(line, sentence):
    assert sentence in explain_pip(line)


def test_cause_stands_before_its_consequence():
    """Without a network pip ends with "no matching distribution", which would mislead."""
    output = (
        "WARNING: Retrying … NameResolutionError(\"Failed to resolve 'x'\")\n"
        "ERROR: Could not find a version that satisfies the requirement torch\n"
        "ERROR: No matching distribution found for torch\n"
    )
    assert "There is no network" in explain_pip(output)


def test_debians_python_without_venv():
    output = (
        "The virtual environment was not created successfully because ensurepip is not available."
    )
    assert f"apt install python3.{sys.version_info[1]}-venv" in explain_venv(output)


def test_disk_is_checked_before_the_download(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 5 * environment.GIB})
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(LaunchError, match=r"needs 15 GB.*5\.0 GB"):
        environment._check_disk(Environment(tmp_path), 15)


def test_killed_for_memory_is_told():
    assert "memory" in explain_pip("Collecting torch", returncode=-9)


# --- the whole way, in a folder with a difficult name --------------------------------------------


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package index of tiny wheels."""
    folder = tmp_path_factory.mktemp("wheels")
    cuda = "class cuda:\n    is_available = staticmethod(lambda: False)\n"
    wheel(folder, "torch", version="2.15.0", content=f"__version__ = '2.15.0'\n{cuda}".encode())
    wheel(folder, "torchvision", version="0.30.0")
    wheel(folder, "tinycake", version="1.0")
    wheel(folder, "tinycake", version="2.0")
    wheel(folder, "replacer", requires=["torch<2.15"])
    wheel(folder, "torch", version="2.14.0", content=f"__version__ = '2.14.0'\n{cuda}".encode())
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Path:
    """A copy of the launcher, set up once, in a folder with a difficult name."""
    root = tmp_path_factory.mktemp("home") / STRANGE
    copy_launcher(root)
    done = launch(root, wheels, "lorabake", "first")
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def copy_launcher(root: Path) -> None:
    root.mkdir()
    shutil.copy(ROOT / "launch.sh", root)
    shutil.copytree(ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    requirements = "torch>=2.14,<2.16\ntorchvision>=0.29\ntinycake<2\n"
    (root / "requirements.txt").write_text(requirements, encoding="utf-8")
    (root / "requirements-override.txt").write_text("tinycake>=2\n", encoding="utf-8")
    (root / "requirements-dev.txt").write_text("tinycake\n", encoding="utf-8")
    (root / "lorabake").mkdir()
    say = (
        "import json, os, sys, tinycake\nprint(json.dumps([__file__, sys.argv[1:], os.getcwd()]))\n"
    )
    (root / "lorabake" / "__init__.py").write_text("", encoding="utf-8")
    (root / "lorabake" / "__main__.py").write_text(say, encoding="utf-8")
    (root / "app.py").write_text(say, encoding="utf-8")


def launch(
    root: Path, wheels: Path, *arguments: str, **environ: str
) -> subprocess.CompletedProcess:
    return subprocess.run(
        [SH, str(root / "launch.sh"), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=offline(wheels) | environ,
        cwd=environ.get("PWD", root.parent),
        check=False,
        timeout=120,
    )


def offline(wheels: Path) -> dict[str, str]:
    """The environment of a user without a network whose pip knows only `wheels`."""
    closed = f"http://127.0.0.1:{free_port()}"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "LORABAKE_"))}
    return kept | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": wheels.as_uri(),
        "HTTPS_PROXY": closed,
        "LORABAKE_PYTHON": sys._base_executable,  # type: ignore[attr-defined]
    }


def said(done: subprocess.CompletedProcess) -> list:
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@posix_only
def test_first_start_sets_up_and_second_start_skips_that(finished, wheels):
    started = time.monotonic()
    done = launch(finished, wheels, "lorabake", "search", "two words", "ä")
    assert time.monotonic() - started < 5
    where, arguments, folder = said(done)
    assert Path(where) == finished / "lorabake" / "__main__.py"
    assert arguments == ["search", "two words", "ä"]
    assert Path(folder) == finished.parent  # relative paths mean what the user meant
    assert "torch" not in done.stdout


@posix_only
def test_override_wins_over_the_bound_of_another_package(finished):
    assert list(finished.glob(".venv/lib/*/site-packages/tinycake-2.0.dist-info"))


@posix_only
def test_arguments_with_dashes_go_to_the_app(finished, wheels):
    where, arguments, _ = said(launch(finished, wheels, "--port", "7900", "--no-browser"))
    assert (Path(where).name, arguments) == ("app.py", ["--port", "7900", "--no-browser"])


@posix_only
def test_unknown_word_shows_the_usage(finished, wheels):
    done = launch(finished, wheels, "strat")
    assert done.returncode == 2
    assert "./launch.sh test" in done.stderr


@posix_only
def test_users_files_do_not_shadow_modules(finished, wheels, tmp_path):
    """The command line works in any folder, also in one with a json.py in it."""
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')", encoding="utf-8")
    assert said(launch(finished, wheels, "lorabake", PWD=str(tmp_path)))[2] == str(tmp_path)
    broken = launch(finished, wheels, "lorabake", PYTHONPATH=str(tmp_path), PYTHONHOME="/nowhere")
    assert broken.returncode == 0, broken.stderr


@posix_only
def test_moved_folder_still_starts(finished, wheels, tmp_path):
    moved = tmp_path / "moved 🚚"
    finished.rename(moved)
    try:
        where, _, _ = said(launch(moved, wheels, "lorabake"))
        assert Path(where) == moved / "lorabake" / "__main__.py"
    finally:
        moved.rename(finished)


@posix_only
def test_broken_off_installation_is_completed(finished, wheels):
    """A kill in the middle leaves no stamp and half of a package; the next start completes it."""
    (finished / ".venv" / "lorabake-setup.json").unlink()
    [packages] = finished.glob(".venv/lib/*/site-packages")
    shutil.rmtree(packages / "tinycake-2.0.dist-info")
    (packages / "tinycake.py").unlink()
    assert said(launch(finished, wheels, "lorabake", "again"))[1] == ["again"]


@posix_only
def test_environment_without_its_python_is_made_again(finished, wheels):
    (finished / ".venv" / "bin" / "python").unlink()
    (finished / ".venv" / "bin" / "python3").unlink(missing_ok=True)
    done = launch(finished, wheels, "lorabake")
    assert "Making the environment" in done.stdout
    assert said(done)


@pytest.fixture
def unchanged(finished: Path) -> Iterator[Path]:
    """`finished`, for a test in which no installation is meant to end well."""
    kept = [finished / "requirements.txt", finished / ".venv" / "lorabake-setup.json"]
    before = [path.read_bytes() for path in kept]
    yield finished
    for path, content in zip(kept, before, strict=True):
        path.write_bytes(content)


@posix_only
def test_failed_installation_is_told_and_leaves_no_stamp(unchanged, wheels):
    with (unchanged / "requirements.txt").open("a", encoding="utf-8") as file:
        file.write("icing\n")
    done = launch(unchanged, wheels, "lorabake")
    assert done.returncode == 1
    assert "nothing for icing" in done.stderr
    assert str(unchanged / ".cache" / "install.log") in done.stderr
    assert not (unchanged / ".venv" / "lorabake-setup.json").exists()


@posix_only
def test_no_package_may_replace_the_chosen_torch(unchanged, wheels):
    with (unchanged / "requirements.txt").open("a", encoding="utf-8") as file:
        file.write("replacer\n")
    done = launch(unchanged, wheels, "lorabake")
    assert done.returncode == 1
    assert "contradict" in done.stderr


@posix_only
def test_ctrl_c_during_the_installation(unchanged, wheels):
    """Exit code 130 and one sentence; nothing claims to be complete."""
    stamp = unchanged / ".venv" / "lorabake-setup.json"
    with silent_server() as port:
        environ = offline(wheels) | {"LORABAKE_TORCH_INDEX": f"http://127.0.0.1:{port}/simple"}
        environ |= {"PIP_TIMEOUT": "60", "NO_PROXY": "*"}
        del environ["PIP_NO_INDEX"]
        process = subprocess.Popen(
            [SH, str(unchanged / "launch.sh")],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        assert process.stdout is not None
        next(line for line in process.stdout if "…" in line)
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Stopped." in errors
    assert "Traceback" not in errors
    assert not stamp.exists()


@posix_only
def test_two_launchers_wait_for_each_other(finished, wheels):
    """Started twice by a nervous double click: one installs, the other uses the result."""
    (finished / ".venv" / "lorabake-setup.json").unlink()
    commands = [
        subprocess.Popen(
            [SH, str(finished / "launch.sh"), "lorabake"],
            env=offline(wheels),
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        for _ in range(2)
    ]
    outputs = [command.communicate(timeout=60)[0] for command in commands]
    assert [command.returncode for command in commands] == [0, 0]
    assert sum("Set up in" in output for output in outputs) == 1


# --- finding a Python ----------------------------------------------------------------------------


def bare_path(tmp_path: Path, **programs: str) -> dict[str, str]:
    """An environment with the shell's tools and `programs`, and no other Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("dirname", "uname", "sh"):
        (folder / name).symlink_to(shutil.which(name) or f"/usr/bin/{name}")
    for name, script in programs.items():
        (folder / name.replace("_", ".")).write_text(f"#!{SH}\n{script}\n", encoding="utf-8")
        (folder / name.replace("_", ".")).chmod(0o755)
    return {"PATH": str(folder), "HOME": str(tmp_path), "LC_ALL": "C"}


def launcher_without_system_pythons(tmp_path: Path) -> Path:
    """launch.sh looks in /usr/bin and the like as well; here it must not find what is there."""
    root = tmp_path / STRANGE
    root.mkdir()
    text = (ROOT / "launch.sh").read_text(encoding="utf-8")
    for place in ("/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/Library/Frameworks"):
        assert place in text
        text = text.replace(f"{place}/", "/nowhere/")
    (root / "launch.sh").write_text(text, encoding="utf-8")
    return root / "launch.sh"


@posix_only
def test_no_python(tmp_path):
    script = launcher_without_system_pythons(tmp_path)
    done = subprocess.run(
        [SH, script], env=bare_path(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "No Python was found; lorabake needs Python 3.11, 3.12 or 3.13." in done.stderr
    assert "Install Python 3.12" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@posix_only
def test_wrong_python(tmp_path):
    script = launcher_without_system_pythons(tmp_path)
    fake = "echo 3.10; exit 1"
    done = subprocess.run(
        [SH, script],
        env=bare_path(tmp_path, python3=fake, python="exit 127"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "only this was found: Python 3.10." in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@posix_only
def test_right_python_beside_a_wrong_one(tmp_path):
    script = launcher_without_system_pythons(tmp_path)
    (script.parent / "tools").mkdir()
    say = "import sys; print('started', sys.argv[1:])"
    (script.parent / "tools" / "launch.py").write_text(say, encoding="utf-8")
    real = f'exec {sys._base_executable} "$@"'  # type: ignore[attr-defined]
    environ = bare_path(tmp_path, python3="echo 3.9; exit 1", python3_12="exit 127", python=real)
    done = subprocess.run(
        [SH, script, "--port", "1"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "started ['--port', '1']", done.stderr


def test_the_windows_script_is_plain_ascii_and_names_the_same_versions():
    """cmd misreads other letters after chcp; CRLF comes from .gitattributes."""
    text = (ROOT / "launch.bat").read_text(encoding="ascii")
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in text
    assert "(3, 11) <= version <= (3, 13)" in (ROOT / "launch.sh").read_text(encoding="utf-8")
    assert "*.bat text eol=crlf" in (ROOT / ".gitattributes").read_text(encoding="utf-8")


# --- a page that already runs --------------------------------------------------------------------


def record_server(folder: Path, port: int) -> None:
    (folder / ".cache").mkdir(exist_ok=True)
    (folder / ".cache" / "server.json").write_text(json.dumps({"port": port}), encoding="utf-8")


def test_running_page_is_found(workspace):
    assert running.running_address(workspace) is None
    with web_server(lambda path: (200, b'{"app": "lorabake"}')) as address:
        record_server(workspace, int(address.rpartition(":")[2]))
        assert running.running_address(workspace) == address
    assert running.running_address(workspace) is None  # the server is gone, its note is not


@pytest.mark.parametrize("answer", [b'{"app": "other"}', b"<html>", b"[]", b"\xff"])
def test_another_program_on_the_port_is_not_lorabake(workspace, answer):
    with web_server(lambda path: (200, answer)) as address:
        record_server(workspace, int(address.rpartition(":")[2]))
        assert running.running_address(workspace) is None


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"port": "x"}', '{"port": null}', "7860"])
def test_damaged_record_is_no_obstacle(workspace, text):
    (workspace / ".cache").mkdir()
    (workspace / ".cache" / "server.json").write_text(text, encoding="utf-8")
    assert running.running_address(workspace) is None


@posix_only
def test_second_start_opens_the_running_page(finished, wheels, workspace, tmp_path):
    """No second app: the address is printed, the tab is opened (here by a stand-in browser)."""
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!{SH}\necho "$1" > "{opened}"\n', encoding="utf-8")
    browser.chmod(0o755)
    with web_server(lambda path: (200, b'{"app": "lorabake"}')) as address:
        record_server(workspace, int(address.rpartition(":")[2]))
        done = launch(
            finished, wheels, "--workspace", str(workspace), BROWSER=str(browser),
            HTTP_PROXY="http://127.0.0.1:9",
        )  # fmt: skip
        assert done.returncode == 0
        assert done.stdout.strip() == f"lorabake already runs: {address}"
        assert opened.read_text(encoding="utf-8").strip() == address
        opened.unlink()
        done = launch(finished, wheels, "--no-browser", LORABAKE_WORKSPACE=str(workspace))
        assert address in done.stdout
        assert not opened.exists()


# --- settings around it --------------------------------------------------------------------------


def test_environment_for_children():
    given = {
        "PYTHONPATH": "x",
        "PYTHONHOME": "y",
        "PIP_INDEX_URL": "https://mirror",
        "NO_PROXY": "intra",
    }
    result = child_environ(given)
    assert "PYTHONPATH" not in result
    assert "PYTHONHOME" not in result
    assert result["PIP_INDEX_URL"] == "https://mirror"  # the user's settings of pip stay
    assert result["NO_PROXY"] == "intra,localhost,127.0.0.1,::1"
    assert result["no_proxy"] == "localhost,127.0.0.1,::1"


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-override.txt", "requirements-dev.txt"]
)
def test_stamp_follows_the_requirements(tmp_path, name):
    env = Environment(tmp_path)
    for path in env.requirements(tests=True):
        path.write_text("a\n", encoding="utf-8")
    before = environment.digest(env, tests=True), environment.digest(env, tests=False)
    (tmp_path / name).write_text("b\n", encoding="utf-8")
    assert environment.digest(env, tests=True) != before[0]
    assert (environment.digest(env, tests=False) != before[1]) == (name != "requirements-dev.txt")


def test_stamp_follows_the_choice_of_torch(tmp_path, monkeypatch):
    env = Environment(tmp_path)
    for path in env.requirements(tests=False):
        path.write_text("a\n", encoding="utf-8")
    before = environment.digest(env, tests=False)
    monkeypatch.setenv("LORABAKE_ROCM", "1")
    assert environment.digest(env, tests=False) != before


def test_every_check_runs_even_if_one_fails(tmp_path, monkeypatch, capfd):
    """One run shows everything that is wrong; pytest's summary stays the last line of stdout."""
    browser = tmp_path / "chromium"
    browser.touch()
    monkeypatch.setenv("LORABAKE_CHROMIUM", str(browser))
    env = Environment(tmp_path)
    env.python.parent.mkdir(parents=True)
    env.python.write_text(f'#!{SH}\necho "ran $2"; test "$2" != ruff\n', encoding="utf-8")
    env.python.chmod(0o755)
    assert run_checks(env, ["-x"]) == 1
    out, err = capfd.readouterr()
    assert out.count("ran ") == len(STEPS) + 1
    assert out.splitlines()[-1] == "ran pytest"
    assert "Failed as well: ruff format --check, ruff check" in err


# --- helpers -------------------------------------------------------------------------------------


def wheel(
    folder: Path,
    name: str,
    *,
    version: str = "1.0",
    requires: list[str] | None = None,
    content: bytes = b"",
) -> Path:
    """A wheel with one module, as small as the format allows."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {line}\n" for line in requires or [])
    files = {
        f"{name}.py": content,
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},"
        f"{len(data)}\n"
        for path, data in files.items()
    )
    target = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return target


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def web_server(answer) -> Iterator[str]:
    """A server on the loopback; `answer(path)` gives status and body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def proxy(answer: bytes) -> Iterator[int]:
    """A proxy that answers every request the same."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


@contextlib.contextmanager
def intercepting_server(tmp_path: Path) -> Iterator[int]:
    """A TLS server with a certificate that nobody signed, like a company's proxy."""
    import ssl

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
        + ["-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):
                context.wrap_socket(self.request, server_side=True)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
