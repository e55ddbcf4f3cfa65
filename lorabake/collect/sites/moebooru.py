"""Moebooru: yande.re and Konachan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lorabake.collect.errors import TooManyTags, Unintelligible
from lorabake.collect.post import Post
from lorabake.collect.sites import fields, gelbooru02
from lorabake.collect.sites.site import Account, Engine, Page, Params, Request, Site

_KINDS = {name: name for name in ("general", "artist", "copyright", "character")}


def posts(site: Site, tags: str, page: int, limit: int) -> Request:
    params = {"tags": tags, "page": str(page + 1), "limit": str(limit)}
    return Request("post.json", params | {"api_version": "2", "include_tags": "1"})


def count(site: Site, tags: str) -> Request | None:
    return Request("post.xml", {"tags": tags, "limit": "1"})


def login(account: Account) -> tuple[Params, Params]:
    return {"login": account.user, "password_hash": account.key}, {}


def parse(site: Site, answer: Any) -> Page:
    kinds: dict[str, str] = {}
    if isinstance(answer, dict) and answer.get("success") is False:
        reason = fields.text(answer, "reason").lower()
        if "more than" in reason and "tags" in reason:
            raise TooManyTags(f"{site.label} allows fewer tags in one search. Leave some out.")
        raise Unintelligible(f"{site.label} refused this search. Look at its words.")
    if isinstance(answer, dict):
        given = answer.get("tags")
        if isinstance(given, dict):
            kinds = {str(tag): _KINDS.get(str(kind), "meta") for tag, kind in given.items()}
        answer = answer.get("posts")
    if not isinstance(answer, list):
        raise Unintelligible(f"{site.label} answered something else than posts. Try again later.")
    found = [_post(site, record, kinds) for record in answer if isinstance(record, dict)]
    good = tuple(post for post in found if post is not None)
    return Page(good, None, len(answer) - len(good))


def _post(site: Site, record: Mapping[str, Any], kinds: Mapping[str, str]) -> Post | None:
    number = fields.number(record, "id")
    if number is None or number <= 0:
        return None
    address = fields.url(record, "file_url")
    ending = fields.extension(record, address)
    tags: dict[str, list[str]] = {}
    for tag in fields.words(record.get("tags")):
        tags.setdefault(kinds.get(tag, "general"), []).append(tag)
    deleted = fields.text(record, "status") == "deleted" or not address
    return Post(
        site=site.name,
        id=number,
        md5=fields.md5(record, "md5"),
        file_url=address,
        preview_url=fields.url(record, "preview_url"),
        sample_url=fields.url(record, "sample_url", "jpeg_url"),
        width=fields.side(record, "width"),
        height=fields.side(record, "height"),
        file_size=fields.number(record, "file_size"),
        extension=ending,
        rating="general" if record.get("rating") == "s" else fields.rating(record),
        score=fields.number(record, "score"),
        parent_id=fields.parent(record),
        tags={kind: tuple(names) for kind, names in tags.items()},
        source=fields.text(record, "source"),
        created=str(fields.number(record, "created_at") or ""),
        page_url=f"{site.home}/post/show/{number}",
        refused=fields.why_not(ending, address, site.label, deleted=deleted, login=False),
    )


ENGINE = Engine("moebooru", posts, parse, count, gelbooru02.parse_count, login)
