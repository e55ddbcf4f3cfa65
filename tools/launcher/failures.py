"""Failures of the set-up, told in one sentence with the remedy."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

# `./launch.sh` on Linux and macOS, `launch.bat` on Windows: the words the user typed.
COMMAND = "launch.bat" if sys.platform == "win32" else "./launch.sh"


class LaunchError(Exception):
    """A sentence for the user: what happened, and what to do."""


_DEAD_PROXY = (
    "The proxy does not answer. Correct HTTPS_PROXY (or unset it if you need none) "
    "and run {command} again."
)
_REFUSED = r"Connection refused|NewConnectionError|NameResolutionError|ConnectTimeoutError"

# What pip prints, and what that means. The first pattern that is found decides, so the causes stand
# before their consequences: without a network pip also finds "no matching distribution".
_PIP_FAILURES: tuple[tuple[str, str], ...] = (
    (
        r"No space left on device|\[Errno 28\]|WinError 112|not enough space on the disk|Disk quota exceeded",
        "The disk is full. Make room (a first install needs about 15 GB; pip also unpacks in TMPDIR "
        "and keeps downloads in its cache) and run {command} again: it continues where it stopped.",
    ),
    (
        r"Read-only file system|\[Errno 30\]|Permission denied|\[Errno 13\]|WinError 5\b|Access is denied",
        "A file could not be written. Put the lorabake folder where you may write (your home folder, "
        "not a system or read-only one), close other programs that use it, and run {command} again.",
    ),
    (
        r"407 Proxy|407 Authentication|Tunnel connection failed: 407|Proxy Authentication Required",
        "The proxy wants a user name and a password. Set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT "
        "and run {command} again.",
    ),
    (
        r"ProxyError|Cannot connect to proxy|Unable to connect to proxy|Tunnel connection failed",
        _DEAD_PROXY,
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError|SSLError|certificate verify failed",
        "The secure connection was refused: a certificate is not trusted, which a company's proxy, a "
        "virus scanner or a wrong clock can cause. Set PIP_CERT to your company's certificate file "
        "(or correct the clock) and run {command} again.",
    ),
    (
        r"Temporary failure in name resolution|NameResolutionError|getaddrinfo failed|"
        r"nodename nor servname|Name or service not known|No address associated with hostname",
        "There is no network: the name of the package server could not be looked up. "
        "Connect to the internet and run {command} again.",
    ),
    (
        r"Connection refused|ConnectTimeoutError|timed out|Network is unreachable|No route to host|"
        r"Connection reset|IncompleteRead|Connection aborted|RemoteDisconnected|NewConnectionError|"
        r"WinError 100(?:54|60|61)|Max retries exceeded|ConnectionError",
        "The package server could not be reached, or the connection broke off. "
        "Check the network and run {command} again: it continues where it stopped.",
    ),
    (
        r"DO NOT MATCH THE HASHES|BadZipFile|has an invalid wheel",
        "A download arrived damaged. Run {command} again; if it stays so, empty pip's cache with "
        "`python -m pip cache purge`.",
    ),
    (
        r"HTTP error (?:401|403)|(?:401|403) (?:Client )?Error|403 Forbidden",
        "The package server refused access. Check the index and the password in your pip settings "
        "(`python -m pip config list`) and run {command} again.",
    ),
    (
        r"requirement (?P<package>[^\s(]+)[^\n]*\(from versions: none\)",
        "The package server has nothing for {package}: it may be out of reach, or your pip settings "
        "(`python -m pip config list`) name one that lacks it. Correct that and run {command} again.",
    ),
    (
        r"No matching distribution found for (?P<package>[^\s(]+)|"
        r"Could not find a version that satisfies the requirement (?P<package2>[^\s(]+)",
        "There is no build of {package} for this Python ({python}) on this system. "
        "Install Python 3.12 (64-bit), delete the folder .venv and run {command} again.",
    ),
    (
        r"Invalid requirement|Could not open requirements file|Invalid constraint",
        "A requirements file of lorabake is damaged. Restore it (`git checkout requirements*.txt`) "
        "and run {command} again.",
    ),
    (
        r"conflicting dependencies|ResolutionImpossible",
        "The required packages contradict each other. If you changed a requirements file, take that "
        "back; else update lorabake, then run {command} again.",
    ),
    (
        r"Failed building wheel for (?P<package>\S+)|Failed to build (?P<package2>\S+)|"
        r"subprocess-exited-with-error",
        "{package} has no ready-made build for this Python ({python}) and could not be compiled here. "
        "Install Python 3.12 (64-bit), delete the folder .venv and run {command} again.",
    ),
    (
        r"MemoryError|Killed",
        "There was not enough memory for the installation. Close other programs and run {command} again.",
    ),
)

_UNKNOWN = "The installation failed for a reason lorabake does not know. Read the end of the log."


def explain_pip(
    output: str, *, returncode: int = 1, proxies: Mapping[str, str] | None = None
) -> str:
    """One sentence for what made pip fail, from all it printed.

    proxies: scheme -> URL. Newer pips do not say that it was a proxy which did not answer.
    """
    if returncode == -9:
        output += "\nKilled"
    hosts = {urlsplit(url).hostname for url in (proxies or {}).values()}
    if re.search(_REFUSED, output) and any(f"'{host}'" in output for host in hosts):
        return _DEAD_PROXY.format(command=COMMAND)
    for pattern, sentence in _PIP_FAILURES:
        found = re.search(pattern, output, re.IGNORECASE)
        if found:
            groups = found.groupdict()
            package = groups.get("package") or groups.get("package2") or "A package"
            python = ".".join(map(str, sys.version_info[:2]))
            return sentence.format(command=COMMAND, package=package, python=python)
    return _UNKNOWN


def explain_venv(output: str, *, returncode: int = 1) -> str:
    """One sentence for what made `python -m venv` fail."""
    if "ensurepip" in output:
        version = ".".join(map(str, sys.version_info[:2]))
        return (
            "This Python cannot make an environment: Debian and Ubuntu keep that part in a package of "
            f"its own. Run `sudo apt install python{version}-venv`, then {COMMAND} again."
        )
    sentence = explain_pip(output, returncode=returncode)
    if sentence is not _UNKNOWN:
        return sentence
    return (
        "The environment in .venv could not be made. "
        f"Delete the folder .venv, reinstall Python if that does not help, and run {COMMAND} again."
    )


def explain_os_error(error: OSError, place: Path) -> str:
    """One sentence for a file of our own that could not be written."""
    sentence = explain_pip(f"[Errno {error.errno}] {error.strerror}")
    return f"{place} could not be written. {error.strerror}." if sentence is _UNKNOWN else sentence
