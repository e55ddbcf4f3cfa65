"""Asking a board: its account and manners on the way out, one sentence for each refusal."""

from __future__ import annotations

import json

from lorabake.collect.accounts import account_of
from lorabake.collect.errors import (
    Blocked,
    CollectError,
    KeyMissing,
    PageTooDeep,
    Throttled,
    TooManyTags,
    Unintelligible,
)
from lorabake.collect.sites import Page, Request, Site
from lorabake.core.http import HttpRefused, Web

MAX_ANSWER = 16 * 2**20  # bytes


def ask_posts(web: Web, site: Site, tags: str, page: int, limit: int) -> Page:
    """One page, from 0; CollectError with the sentence of this refusal."""
    body = _ask(web, site, site.engine.posts(site, tags, page, limit))
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise _no_json(site, body) from None
    return site.engine.parse(site, answer)


def ask_count(web: Web, site: Site, tags: str) -> int | None:
    """How many posts a search has; None when the board does not say."""
    request = site.engine.count(site, tags)
    if request is None:
        return None
    try:
        body = _ask(web, site, request)
    except (KeyMissing, TooManyTags, Blocked):
        raise
    except CollectError:
        return None
    return site.engine.parse_count(body.decode("utf-8", "replace"))


def try_account(web: Web, site: Site) -> str:
    """A small search with the account; the sentence of success, or CollectError."""
    ask_posts(web, site, "solo", 0, 1)
    if account_of(site) is None:
        return f"{site.label} answers without an account."
    return f"{site.label} answers, and knows your account."


def _ask(web: Web, site: Site, request: Request) -> bytes:
    params, headers = dict(request.params), dict(site.headers)
    account = account_of(site)
    if account is None and site.key == "required":
        raise KeyMissing(_wants_key(site))
    if account is not None:
        more, signed = site.engine.login(account)
        params |= more
        headers |= signed
    refused: CollectError | None = None
    try:
        with web.open(
            f"{site.base}/{request.path}",
            params=params,
            headers={"User-Agent": site.agent(account), **headers},
        ) as answer:
            return answer.read(MAX_ANSWER)
    except HttpRefused as error:
        refused = _refusal(site, error.status, known=account is not None)
    raise refused  # out here, so that nothing hangs on it that knows the address


def _refusal(site: Site, status: int, *, known: bool) -> CollectError:
    if status == 401:
        if known:
            return KeyMissing(
                f"{site.label} does not know your key any more (HTTP 401). Copy it anew from your "
                "account page into Grabber › Accounts."
            )
        return KeyMissing(_wants_key(site))
    if status == 403:
        return Blocked(
            f"{site.label} refuses this program or this connection (HTTP 403). Add your account "
            "under Grabber › Accounts, or choose another source."
        )
    if status == 410:
        return PageTooDeep(
            f"{site.label} does not go through its pages that far (HTTP 410). Narrow the search."
        )
    if status == 422:
        allowed = f" It takes {site.max_tags}." if site.max_tags else ""
        return TooManyTags(
            f"{site.label} allows fewer tags in one search (HTTP 422).{allowed} Leave some out."
        )
    if status in (421, 429, 503):
        return Throttled(
            f"{site.label} had too many requests from here (HTTP {status}). Wait some minutes."
        )
    if status >= 500:
        return CollectError(
            f"{site.label} could not do this search (HTTP {status}): it may be too wide, or the "
            "site is in trouble. Try again later, or add a tag."
        )
    return CollectError(f"{site.label} could not serve this (HTTP {status}). Try again later.")


def _wants_key(site: Site) -> str:
    return (
        f"{site.label} wants an API key for searches. Add yours under Grabber › Accounts, or choose "
        "another source."
    )


def _no_json(site: Site, body: bytes) -> CollectError:
    start = body[:2_000].lstrip().lower()
    if start.startswith(b"<response") or b"maximum queries" in start:
        return Blocked(
            f"{site.label} had too many searches from this connection today. Add your account, or "
            "choose another source."
        )
    if start.startswith(b"<error") or b"missing authentication" in start:
        return KeyMissing(_wants_key(site))
    if start.startswith((b"<!doctype html", b"<html")):
        return Blocked(
            f"{site.label} sent a web page instead of posts: a login or a check for robots. Open it "
            "in a browser once, or choose another source."
        )
    if not body.strip():
        return Unintelligible(f"{site.label} sent an empty answer. Try again later.")
    return Unintelligible(f"{site.label} did not answer in the expected form. Try again later.")
