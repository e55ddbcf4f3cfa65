"""The one door to the network.

Every request is paced per host, tried again when a site is busy, limited in size and time, and
follows redirects by hand: https only, to public addresses only, and a key goes to the host it
belongs to and no further. What is raised names hosts, never queries, keys or signed addresses.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util.retry import Retry

from lorabake import __version__
from lorabake.core.addresses import CHECKED_POOLS, check_address
from lorabake.core.errors import NetworkError, Stopped
from lorabake.core.limits import limits
from lorabake.core.secrets import Secret

# At its debug level it writes whole addresses, and boards want keys in them.
logging.getLogger("urllib3").setLevel(logging.WARNING)

USER_AGENT = f"lorabake/{__version__} (+local LoRA trainer)"
MAX_REDIRECTS = 5
MAX_JSON = 8 * 2**20  # bytes
CHUNK = 256 * 1024  # bytes; what a break in the connection can cost
SLOW_CHUNK = 2.0  # seconds after which a smaller piece is handed on, so that drops are noticed
LONGEST_WAIT = 120.0  # seconds; a site that asks for more is asked again by the user, later
BUSY = frozenset({408, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpRefused(NetworkError):
    """A site answered, but not with what was asked for. status: of HTTP."""

    def __init__(self, text: str, status: int, host: str) -> None:
        super().__init__(text)
        self.status = status
        self.host = host


class ConnectionBroken(NetworkError):
    """The connection ended or stalled before everything had come; what came is good."""


@dataclass(frozen=True)
class Key:
    """A secret and the header it goes into: `Key(secret)` is sent as `Authorization: Bearer …`."""

    secret: Secret
    header: str = "Authorization"
    scheme: str = "Bearer "

    def headers(self) -> dict[str, str]:
        return {self.header: f"{self.scheme}{self.secret.reveal()}"}


class Answer:
    """What a site sent, body still to be read."""

    def __init__(self, response: requests.Response, host: str) -> None:
        self._response = response
        self.host = host
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    @property
    def length(self) -> int | None:
        """Bytes announced for this body; None when the site does not say (or says nonsense)."""
        return _count(self.headers.get("Content-Length"))

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """The body in pieces of at most `size` bytes; ConnectionBroken when it ends too early."""
        going = True
        while going:
            chunk, broken = bytearray(), False
            until = time.monotonic() + SLOW_CHUNK
            while len(chunk) < size and time.monotonic() < until:
                try:
                    piece = self._response.raw.read1(size - len(chunk))
                except (requests.RequestException, HTTPError, OSError, ValueError):
                    broken = True
                    break
                if not piece:
                    going = False
                    break
                chunk += piece
            if chunk:
                yield bytes(chunk)
            if broken:  # raised out here, so that nothing hangs on it that knows the address
                raise ConnectionBroken(f"The connection to {self.host} broke off. Try again.")

    def read(self, limit: int) -> bytes:
        """The whole body, if it is no longer than `limit` bytes."""
        body = bytearray()
        for chunk in self.chunks(min(CHUNK, limit + 1)):
            body += chunk
            if len(body) > limit:
                raise NetworkError(
                    f"{self.host} sent more than {limit // 1024} KiB, so reading it was given up."
                )
        return bytes(body)


@dataclass
class Web:
    """A patient and polite visitor of sites; may be shared by threads.

    pace: least seconds between two requests to one host. timeout: seconds to connect, and to wait
    for the next bytes. tries: how often a busy or unreachable site is asked in all. on_wait: told the
    seconds and the host before a busy one is asked again. allowed: which hosts may be visited, also
    those that a redirect leads to.
    """

    pace: float = 0.0
    timeout: tuple[float, float] = (10.0, 20.0)
    tries: int = 5
    backoff: float = 1.0
    should_stop: Callable[[], bool] = lambda: False
    on_wait: Callable[[float, str], None] = lambda seconds, host: None
    allowed: Callable[[str], bool] = lambda host: True
    _session: requests.Session = field(default_factory=lambda: _session(), repr=False)
    _next: dict[str, float] = field(default_factory=dict, repr=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def open(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        key: Key | None = None,
        accept: tuple[int, ...] = (200,),
    ) -> Iterator[Answer]:
        """GET; the answer is closed afterwards. HttpRefused for a status that is not in `accept`.

        key: sent to the host of `url` only, whatever redirects follow.
        """
        limits().require_network()
        home = _origin(url)
        for hop in range(MAX_REDIRECTS + 1):
            check_address(url)
            if not self.allowed(_host(url)):
                raise NetworkError(f"{_host(url)} is no host of this site, so it was not visited.")
            sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **(headers or {})}
            if key is not None and _origin(url) == home:
                sent |= key.headers()
            else:
                home = ""  # once away, a redirect back does not bring the key out again
            response = self._ask(url, sent, params if hop == 0 else None)
            try:
                if response.status_code in _REDIRECTS and "Location" in response.headers:
                    url = urljoin(response.url, response.headers["Location"])
                    continue
                answer = Answer(response, _host(url))
                if answer.status not in accept:
                    raise _refused(answer)
                yield answer
                return
            finally:
                response.close()
        raise NetworkError(
            f"{_host(url)} sends from one address to the next without end. Try again later."
        )

    def json(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        key: Key | None = None,
        limit: int = MAX_JSON,
    ) -> Any:
        """The JSON behind an address."""
        with self.open(url, params=params, key=key, headers={"Accept": "application/json"}) as got:
            body = got.read(limit)
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            pass
        raise NetworkError(
            f"{_host(url)} did not answer in the expected form. It may be down or blocked here; "
            "try again later."
        )

    def _ask(
        self, url: str, headers: dict[str, str], params: Mapping[str, str] | None
    ) -> requests.Response:
        """One hop, tried again while the site is busy or cannot be reached."""
        host = _host(url)
        for attempt in range(1, self.tries + 1):
            self._keep_pace(host)
            response = self._send(url, headers, params)
            if response is not None and response.status_code not in BUSY:
                return response
            if attempt == self.tries:
                if response is None:
                    break
                return response
            wait = self.backoff * 2 ** (attempt - 1) * random.uniform(1, 1.5)
            if response is not None:
                wait = _retry_after(response, wait)
                response.close()
                if wait > LONGEST_WAIT:
                    raise HttpRefused(
                        f"{host} asks to wait for {wait / 60:.0f} minutes. Try again later.",
                        response.status_code,
                        host,
                    )
            self.on_wait(wait, host)
            self.pause(wait)
        raise NetworkError(
            f"{host} could not be reached. Check the connection to the internet, and try again."
        )

    def _send(
        self, url: str, headers: dict[str, str], params: Mapping[str, str] | None
    ) -> requests.Response | None:
        try:
            return self._session.get(
                url,
                headers=headers,
                params=params,
                stream=True,
                timeout=self.timeout,
                allow_redirects=False,
            )
        except (requests.RequestException, HTTPError, OSError, UnicodeError):
            return None  # its text may hold the address

    def _keep_pace(self, host: str) -> None:
        with self._guard:
            now = time.monotonic()
            start = max(self._next.get(host, now), now)
            self._next[host] = start + self.pace
        self.pause(start - now)

    def pause(self, seconds: float) -> None:
        """Wait, but notice within 0.2 s that the user has had enough."""
        until = time.monotonic() + seconds
        while True:
            if self.should_stop():
                raise Stopped("Stopped, as you asked. What was done is kept.")
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.2))


class _CheckedAdapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        super().init_poolmanager(*arguments, **keywords)
        self.poolmanager.pool_classes_by_scheme = CHECKED_POOLS


def _session() -> requests.Session:
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.auth = lambda request: request  # or requests would take passwords from ~/.netrc
    for scheme in ("http://", "https://"):
        session.mount(scheme, _CheckedAdapter(max_retries=0))
    return session


# --- small things --------------------------------------------------------------------------------


def _refused(answer: Answer) -> HttpRefused:
    why = {
        401: "wants a key, or does not know the one it got",
        403: "does not allow this",
        404: "has nothing at this address",
        429: "had too many requests from here; try again later",
    }.get(answer.status, "could not serve this; try again later")
    return HttpRefused(f"{answer.host} {why} (HTTP {answer.status}).", answer.status, answer.host)


def _retry_after(response: requests.Response, otherwise: float) -> float:
    given = response.headers.get("Retry-After", "")
    try:
        return max(Retry().parse_retry_after(given), 0.0) if given else otherwise
    except (InvalidHeader, ValueError, OverflowError):
        return otherwise


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) <= 18 else None


def _host(url: str) -> str:
    return urlsplit(url).hostname or "the site"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.casefold()}"
