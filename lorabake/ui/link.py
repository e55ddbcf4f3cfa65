"""A link for remote help while it lives: its codes, who came in with them, and when it ends.

Codes and sessions are kept as hashes, in memory only; a code opens the door once. See
docs/security.md.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from lorabake.core.errors import LorabakeError
from lorabake.core.names import shown
from lorabake.ui.roles import Person

GUESTS = ("helper", "viewer")
CODE_BYTES = 16  # 128 bits
SESSION_BYTES = 32
TRIES, WHILE = 5, 60.0  # wrong and right ones together, in so many seconds
MOST_GUESTS = 12
MAX_NAME = 40
HOUR = 3600.0


class DoorClosed(LorabakeError):
    """Somebody was not let in; the sentence says why, and not how near they were."""


@dataclass(frozen=True)
class Guest:
    """Somebody who is in. since, seen: seconds since 1970."""

    person: Person
    since: float
    seen: float


class Link:
    """One address for others. hours: after which it ends by itself."""

    def __init__(self, url: str, hours: float, now: Callable[[], float] = time.time) -> None:
        found = urlsplit(url)
        self.url = url
        self.scheme, self.host = found.scheme, found.netloc.lower()
        self._now = now
        self.until = now() + hours * HOUR
        self._open = True
        self._codes: dict[bytes, str] = {}
        self._guests: dict[bytes, Guest] = {}
        self._tries: deque[float] = deque()
        self._guard = threading.Lock()

    @property
    def lives(self) -> bool:
        return self._open and self._now() < self.until

    def end(self) -> None:
        """Nobody is let in or answered any more."""
        with self._guard:
            self._open = False
            self._codes.clear()
            self._guests.clear()

    def new_code(self, role: str) -> str:
        """A code that lets one person in once; the codes of this role before it are void."""
        assert role in GUESTS, role
        code = base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode().rstrip("=")
        with self._guard:
            self._codes = {key: other for key, other in self._codes.items() if other != role}
            self._codes[_hash(code)] = role
        return "-".join(code[i : i + 5] for i in range(0, len(code), 5))

    def enter(self, code: str, name: str) -> str:
        """The secret of a new session, for whoever has a code; DoorClosed otherwise."""
        with self._guard:
            if not self.lives:
                raise DoorClosed("This link has ended. Ask for a new one.")
            now = self._now()
            while self._tries and now - self._tries[0] >= WHILE:
                self._tries.popleft()
            if len(self._tries) >= TRIES:
                raise DoorClosed("Too many tries. Wait a minute, then try once more.")
            self._tries.append(now)
            tried = _hash("".join(letter for letter in code.upper() if letter.isalnum()))
            role = ""
            for known, its_role in self._codes.items():  # all of them, whichever fits
                if hmac.compare_digest(known, tried):
                    role = its_role
            if not role:
                raise DoorClosed("This code is not valid, or it was used already. Ask for another.")
            if len(self._guests) >= MOST_GUESTS:
                raise DoorClosed("As many people as there may be are in already.")
            del self._codes[tried]
            token = secrets.token_urlsafe(SESSION_BYTES)
            person = Person(role, self._free(name, role), secrets.token_hex(8))
            self._guests[_hash(token)] = Guest(person, now, now)
            return token

    def person(self, token: str) -> Person | None:
        """Who has this session; None for nobody, and once the link has ended."""
        key = _hash(token)
        with self._guard:
            found = self._guests.get(key) if self.lives else None
            if found is None:
                return None
            self._guests[key] = replace(found, seen=self._now())
            return found.person

    def leave(self, token: str) -> None:
        with self._guard:
            self._guests.pop(_hash(token), None)

    def throw_out(self, session: str) -> Person:
        """Their next request is refused already."""
        with self._guard:
            for key, guest in self._guests.items():
                if guest.person.session == session:
                    del self._guests[key]
                    return guest.person
        raise LorabakeError("They have left already.")

    def guests(self) -> list[Guest]:
        with self._guard:
            return sorted(self._guests.values(), key=lambda guest: guest.since)

    def waiting_codes(self) -> list[str]:
        """Roles for which a code was made that nobody has used."""
        with self._guard:
            return sorted(self._codes.values())

    def _free(self, name: str, role: str) -> str:
        """A name to be called by, which nobody here has yet and which is not the owner's ""."""
        wanted = shown(" ".join(name.split())[:MAX_NAME]) or role.capitalize()
        taken = {guest.person.name for guest in self._guests.values()}
        free, number = wanted, 1
        while free in taken:
            number += 1
            free = f"{wanted} {number}"
        return free


def _hash(text: str) -> bytes:
    """What is random and long needs no slow hash."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
