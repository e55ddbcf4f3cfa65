"""A tunnel from the net to a port of this computer, by a program that is made for it (frpc).

The program is fetched when a link is first wanted. It comes under another name, is compared with a
checksum that is known beforehand, and only then gets its own; before each start it is compared again.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lorabake.core.errors import NetworkError
from lorabake.core.fetch import Wanted, fetch, forget
from lorabake.core.files import MIB, replace, sha256_of
from lorabake.core.http import Web
from lorabake.core.process import Child, end_process, start_detached, wait_for

MOST = 64 * MIB  # the program has some 11
PATIENCE = 30.0  # seconds for the address to come
_ADDRESS = re.compile(r"start proxy success: (\S+)")
_REFUSED = "login to server failed"
_LOG = 256 * 1024  # bytes of what it prints that are looked at


class TunnelError(NetworkError):
    """There is no link, and why."""


@dataclass(frozen=True)
class Client:
    """The program: where it comes from, and its SHA-256 (64 hex digits)."""

    url: str
    sha256: str
    name: str


@dataclass(frozen=True)
class Server:
    """Who passes requests on to us. certificate: PEM, by which it is known."""

    host: str
    port: int
    certificate: str


def client_program(web: Web, client: Client, folder: Path) -> Path:
    """The program, fetched if it is not there or not what it was. TunnelError, NetworkError."""
    path = folder / client.name
    if _is(path, client.sha256):
        return path
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    part = folder / f"{client.name}.part"
    forget(part)  # half of it from an earlier day is not worth the doubt
    fetch(web, Wanted(client.url, limit=MOST, sha256=client.sha256), part)
    try:
        part.chmod(stat.S_IRUSR | stat.S_IXUSR | stat.S_IWUSR)
        replace(part, path)
    except OSError as error:
        raise _taken_away(path) from error
    if not _is(path, client.sha256):
        raise _taken_away(path)
    return path


def ask_server(web: Web, url: str) -> Server:
    """Which server takes links now."""
    answer = web.json(url)
    match answer:
        case [{"host": str(host), "port": int(port), "root_ca": str(certificate)}, *_]:
            if re.fullmatch(r"[A-Za-z0-9.:-]{1,200}", host) and 0 < port < 65536:
                return Server(host, port, certificate[:MIB])
    raise TunnelError("The server of links did not answer in the expected form. Try again later.")


def arguments(program: Path, port: int, server: Server, token: str, certificate: Path) -> list[str]:
    """How the program is called, to pass 127.0.0.1:`port` on over an encrypted way."""
    return [
        str(program),
        "http",
        *("-n", token),
        *("-l", str(port)),
        *("-i", "127.0.0.1"),
        "--uc",
        *("--sd", "random"),
        "--ue",
        *("--server_addr", f"{server.host}:{server.port}"),
        "--disable_log_color",
        "--tls_enable",
        *("--tls_trusted_ca_file", str(certificate)),
    ]


class Tunnel:
    """The program at work. url: the address it was given."""

    def __init__(self, child: Child, url: str) -> None:
        self.child = child
        self.url = url

    @property
    def works(self) -> bool:
        return self.child.poll() is None

    def close(self) -> None:
        """End it; what does not hear is ended all the same."""
        end_process(self.child.pid, force=False)
        if wait_for(self.child, 3.0) is None:
            end_process(self.child.pid, force=True)
            wait_for(self.child, 5.0)


def open_tunnel(
    argv: Sequence[str],
    log: Path,
    *,
    patience: float = PATIENCE,
    should_stop: Callable[[], bool] = lambda: False,
) -> Tunnel:
    """Start it and wait for its address; TunnelError with the reason."""
    log.unlink(missing_ok=True)
    program = Path(argv[0])
    try:
        child = start_detached(argv, log=log)
    except FileNotFoundError:
        raise _taken_away(program) from None
    except OSError as error:
        raise TunnelError(
            f"The tunnel program could not be started ({error.strerror or error}). An antivirus "
            f"program may hold it: allow {program} there, and try again."
        ) from error
    tunnel, end = Tunnel(child, ""), time.monotonic() + patience
    try:
        while time.monotonic() < end and not should_stop():
            said = _said(log)
            if found := _ADDRESS.search(said):
                tunnel.url = _checked(found[1])
                return tunnel
            if _REFUSED in said:
                raise _not_let_in()
            if not tunnel.works:  # what it printed last may have come since
                raise _not_let_in() if _said(log) else _taken_away(program)
            wait_for(child, 0.05)
        raise TunnelError(
            "No link came within half a minute. The network here may block it; try again, or use "
            "another network."
        )
    except BaseException:
        tunnel.close()
        raise


def _checked(url: str) -> str:
    """Only an address: what a program prints is as little trusted as anything else."""
    found = urlsplit(url)
    if found.scheme not in ("http", "https") or not re.fullmatch(r"[A-Za-z0-9.:-]+", found.netloc):
        raise TunnelError("The tunnel program gave an address that is none. Try again.")
    return f"{found.scheme}://{found.netloc}"


def _said(log: Path) -> str:
    """Whole lines of what it printed."""
    try:
        with log.open("rb") as file:
            whole, newline, _ = file.read(_LOG).rpartition(b"\n")
    except OSError:
        return ""
    return (whole + newline).decode("utf-8", "replace")


def _is(path: Path, sha256: str) -> bool:
    try:
        return path.is_file() and sha256_of(path) == sha256 and os.access(path, os.X_OK)
    except OSError:
        return False


def _not_let_in() -> TunnelError:
    return TunnelError(
        "The server of links did not let this computer in. It may be full, or the network here may "
        "block it. Try again in a few minutes."
    )


def _taken_away(path: Path) -> TunnelError:
    """It is gone, or was ended before it said a word."""
    how = "ended as soon as it began" if path.exists() else "taken away as soon as it had come"
    return TunnelError(
        f"The tunnel program was {how}, which antivirus programs do. "
        f"Allow {path} in yours, and try again."
    )
