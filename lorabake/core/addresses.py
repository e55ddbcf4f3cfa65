"""Which addresses may be visited: https, to public hosts, whatever a site or a name says."""

from __future__ import annotations

import os
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from lorabake.core.errors import NetworkError

LOCAL_VARIABLE = "LORABAKE_ALLOW_LOCAL_HTTP"  # "1": plain http to this machine, for tests
_NAT64 = ip_network("64:ff9b::/96")


def check_address(url: str) -> None:
    """Refuse what is not https to a public host; the address behind a name is checked on connecting.

    Only tests may use plain http, and only to this machine.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host:
        raise NetworkError("A site gave an address that cannot be used.")
    if parts.username is not None:
        raise NetworkError(f"An address of {host} holds a name or password, so it is not opened.")
    if parts.scheme != "https" and not (parts.scheme == "http" and _local_allowed()):
        raise NetworkError(f"{host} is only reached without encryption, so it is not opened.")
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        if parts.scheme == "http" and host != "localhost":
            raise NetworkError(f"{host} is only reached without encryption.") from None
        return
    _refuse_private(address)


def _refuse_private(address: IPv4Address | IPv6Address) -> None:
    if not (is_public(address) or (address.is_loopback and _local_allowed())):
        raise NetworkError(
            "A download led to an address inside this machine or network, so it was not followed."
        )


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Not this machine, not the local network, not a way around that in another notation."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if address.teredo:
            inner = address.teredo[1]
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def _local_allowed() -> bool:
    return os.environ.get(LOCAL_VARIABLE) == "1"


# --- connections that look whom they have reached ------------------------------------------------
# A name can be made to resolve to another address between a check and its use; the other end of an
# open socket cannot. Through a proxy of the user's, the proxy is whom we reach, and decides.


def _checked(reached: socket.socket) -> socket.socket:
    try:
        _refuse_private(ip_address(str(reached.getpeername()[0]).partition("%")[0]))
    except BaseException:
        reached.close()
        raise
    return reached


class _CheckedHttp(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _CheckedHttps(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class HttpPool(HTTPConnectionPool):
    ConnectionCls = _CheckedHttp


class HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedHttps


CHECKED_POOLS = {"http": HttpPool, "https": HttpsPool}
