"""Accounts of boorus: pasted once, kept in the user's config folder, never shown again."""

from __future__ import annotations

import re

from lorabake.collect.errors import CollectError
from lorabake.collect.settings import is_public
from lorabake.collect.sites import SITES, Account, Site
from lorabake.core.secrets import BOARDS, read_key, write_key

MAX_TEXT = 1_000
_PAIR = re.compile(r"(?:^|[?&\s])(api_key|user_id|login|password_hash)=([^&\s]{1,300})")
_NUMERIC = frozenset({"gelbooru", "rule34"})


class BadAccount(CollectError):
    """What was pasted is no account of this site."""


def parse_account(text: str, site: Site) -> Account:
    """`&api_key=…&user_id=…` as the account page shows it, or the two, name first, with a space."""
    pairs = dict(_PAIR.findall(text.strip()[:MAX_TEXT]))
    user = pairs.get("user_id") or pairs.get("login") or ""
    key = pairs.get("api_key") or pairs.get("password_hash") or ""
    words = text.split()
    if not pairs and len(words) == 2:
        user, key = words
    if not (user and key):
        raise BadAccount(_no_account(site))
    if site.name in _NUMERIC and not re.fullmatch(r"[0-9]{1,12}", user):
        raise BadAccount(
            f"{site.label} wants the number of your account as user_id, not your name. Its account "
            "page shows the whole line to paste."
        )
    if ":" in user or not re.fullmatch(r"[!-~]{1,300}", user + key):
        raise BadAccount("A login or key has only letters, digits and signs. Copy it again.")
    return Account(user, key)


def _no_account(site: Site) -> str:
    said = f"This is no account of {site.label}."
    if site.name in _NUMERIC:
        return f"{said} Paste the whole line from its account page: &api_key=…&user_id=…"
    return f"{said} Write your login, a space and the key, or paste &login=…&api_key=…"


def save_account(site: str, text: str) -> None:
    """Remember what was pasted; raises BadAccount when it is none."""
    found = SITES[site]
    if is_public():
        raise BadAccount(
            "This page is open to everybody, so it keeps no accounts. Start lorabake on your own "
            "computer for that."
        )
    if not found.key:
        raise BadAccount(f"{found.label} needs no account.")
    account = parse_account(text, found)
    write_key(site, f"{account.user}:{account.key}")


def forget_account(site: str) -> None:
    write_key(SITES[site].name, "")


def account_of(site: Site) -> Account | None:
    secret = read_key(site.name) if site.name in BOARDS else None
    user, colon, key = secret.reveal().partition(":") if secret else ("", "", "")
    return Account(user, key) if colon else None


def accounts() -> dict[str, bool]:
    """Sites that take an account, and whether one is there; what it is stays hidden."""
    return {site.name: account_of(site) is not None for site in SITES if site.key}
