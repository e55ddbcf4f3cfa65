"""What every test may rely on: no network, no settings from outside, a workspace of its own."""

import gc
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.order import long_files_first

# Before anything imports gradio, huggingface_hub or torch: they read these once.
for _name in [name for name in os.environ if name.startswith(("GRADIO_", "LORABAKE_CACHE"))]:
    del os.environ[_name]
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["LORABAKE_LOOK_ELSEWHERE"] = "0"  # not for models of the person who runs the tests
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "localhost,127.0.0.1,::1"
# The tests' tensors are tiny: more threads only cost time, and sums may differ in the last digit.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

hypothesis.settings.register_profile("lorabake", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("lorabake")


# --- no network ----------------------------------------------------------------------------------


class NetworkForbiddenError(OSError):
    """A test tried to reach another machine."""


_attempts: list[str] = []
_connect, _connect_ex, _getaddrinfo = (
    socket.socket.connect,
    socket.socket.connect_ex,
    socket.getaddrinfo,
)


def _is_here(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if host is None or host in ("", "localhost", "0.0.0.0", "::", socket.gethostname()):
        return True
    try:
        return ip_address(str(host)).is_loopback
    except ValueError:
        return False


def _refuse_others(host: object) -> None:
    if not _is_here(host):
        _attempts.append(str(host))
        raise NetworkForbiddenError(f"tests may not reach {host}")


def _guarded_connect(self: socket.socket, address: Any) -> None:
    if self.family != getattr(socket, "AF_UNIX", None):
        _refuse_others(address[0])
    _connect(self, address)


def _guarded_connect_ex(self: socket.socket, address: Any) -> int:
    if self.family != getattr(socket, "AF_UNIX", None):
        _refuse_others(address[0])
    return _connect_ex(self, address)


def _guarded_getaddrinfo(host: Any, *arguments: Any, **keywords: Any) -> Any:
    _refuse_others(host)
    return _getaddrinfo(host, *arguments, **keywords)


def pytest_configure() -> None:
    # A shell that starts the tests in the background makes them deaf to Ctrl+C, and so would be
    # every process they start to see how it takes one.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    socket.socket.connect = _guarded_connect  # type: ignore[method-assign]
    socket.socket.connect_ex = _guarded_connect_ex  # type: ignore[method-assign]
    socket.getaddrinfo = _guarded_getaddrinfo


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of several processes
        long_files_first(items)


def pytest_collection_finish() -> None:
    # What was imported stays; looking through it for garbage again and again would cost the tests
    # time, and those that measure the processor's time a pause that is not theirs.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    """Fail the test that reached out, even if the code under test swallowed the error."""
    _attempts.clear()
    yield
    if _attempts:
        pytest.fail(f"the test tried to reach {', '.join(sorted(set(_attempts)))}")


# --- a processor as it was ------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _denormals_stay() -> Iterator[None]:
    """A bake in this process flushes denormal numbers to zero; the next test must not find it so."""
    yield
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_flush_denormal(False)


# --- figures of the docs ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def figures() -> Iterator[dict[str, Any]]:
    """What tests count on their way; `python -m tests.figures` puts it into the docs."""
    counted: dict[str, Any] = {}
    yield counted
    if path := os.environ.get("LORABAKE_FIGURES"):
        Path(path).write_text(json.dumps(counted), encoding="utf-8")


# --- places --------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _never_the_users_workspace() -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="lorabake-tests-") as folder:
        os.environ["LORABAKE_WORKSPACE"] = folder
        # A bake of the person who runs the tests must not hold them up, nor they it.
        os.environ["LORABAKE_MACHINE_LOCK"] = str(Path(folder) / "machine.lock")
        yield


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that lorabake takes for the user's workspace."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    monkeypatch.setenv("LORABAKE_WORKSPACE", str(folder))
    return folder


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser for tests marked `browser`; `./launch.sh test` makes sure that there is one."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("LORABAKE_CHROMIUM") or next(
        filter(None, map(shutil.which, names)), None
    )
    if found:
        return found
    if os.environ.get("LORABAKE_REQUIRE_BROWSER"):
        pytest.fail("no Chromium was found, and LORABAKE_REQUIRE_BROWSER is set")
    pytest.skip("no Chromium was found")
