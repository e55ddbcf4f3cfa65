"""Gelbooru 0.2 and its kin: Gelbooru, Rule34, Safebooru."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from lorabake.collect.errors import Blocked, KeyMissing, Unintelligible
from lorabake.collect.post import Post
from lorabake.collect.sites import fields
from lorabake.collect.sites.site import Account, Engine, Page, Params, Request, Site

_COUNT = re.compile(r"<posts\b[^>]{0,200}?\bcount=\"([0-9]{1,12})\"")
_TYPES = {"tag": "general", "metadata": "meta"} | {
    name: name for name in ("general", "artist", "copyright", "character", "meta")
}


def posts(site: Site, tags: str, page: int, limit: int) -> Request:
    params = {"page": "dapi", "s": "post", "q": "index", "json": "1", "fields": "tag_info"}
    return Request("index.php", params | {"tags": tags, "pid": str(page), "limit": str(limit)})


def count(site: Site, tags: str) -> Request | None:
    params = {"page": "dapi", "s": "post", "q": "index", "tags": tags, "limit": "0"}
    return Request("index.php", params)


def parse_count(answer: str) -> int | None:
    found = _COUNT.search(answer[:2_000])
    return int(found[1]) if found else None


def login(account: Account) -> tuple[Params, Params]:
    return {"api_key": account.key, "user_id": account.user}, {}


def parse(site: Site, answer: Any) -> Page:
    """Gelbooru sends an object, the others a bare list, and Rule34 its refusals as a string."""
    if isinstance(answer, str):
        raise _refusal(site, answer)
    total = None
    if isinstance(answer, dict):
        attributes = answer.get("@attributes")
        if isinstance(attributes, dict):
            total = fields.number(attributes, "count")
        if answer.get("success") in (False, "false"):
            raise _refusal(site, fields.text(answer, "message", "reason", "error"))
        answer = answer.get("post", [])
    if isinstance(answer, dict):  # a single find
        answer = [answer]
    if not isinstance(answer, list):
        raise Unintelligible(f"{site.label} answered something else than posts. Try again later.")
    found = [_post(site, record) for record in answer if isinstance(record, dict)]
    good = tuple(post for post in found if post is not None)
    return Page(good, total, len(answer) - len(good))


def _post(site: Site, record: Mapping[str, Any]) -> Post | None:
    number = fields.number(record, "id")
    if number is None or number <= 0:
        return None
    address = fields.url(record, "file_url") or _built(site, record)
    ending = fields.extension({}, address)
    deleted = fields.text(record, "status") == "deleted"
    return Post(
        site=site.name,
        id=number,
        md5=fields.md5(record, "md5", "hash"),
        file_url=address,
        preview_url=fields.url(record, "preview_url"),
        sample_url=fields.url(record, "sample_url"),
        width=fields.side(record, "width"),
        height=fields.side(record, "height"),
        file_size=fields.number(record, "file_size"),
        extension=ending,
        rating=fields.rating(record),
        score=fields.number(record, "score"),
        parent_id=fields.parent(record),
        tags=_tags(record),
        source=html.unescape(fields.text(record, "source")),
        created=fields.text(record, "created_at", "change", limit=60),
        page_url=f"{site.home}/index.php?page=post&s=view&id={number}",
        refused=fields.why_not(ending, address, site.label, deleted=deleted, login=False),
    )


def _built(site: Site, record: Mapping[str, Any]) -> str:
    """Old Safebooru answers name folder and file only."""
    folder, name = record.get("directory"), fields.text(record, "image", limit=200)
    plain = isinstance(folder, int | str) and re.fullmatch(r"[0-9a-f/]{1,40}", str(folder))
    if not plain or not re.fullmatch(r"[0-9a-zA-Z._-]{1,100}", name):
        return ""
    return f"{site.base}/images/{folder}/{name}"


def _tags(record: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    known = {}
    info = record.get("tag_info")
    for one in info if isinstance(info, list) else ():
        if isinstance(one, dict):
            kind = _TYPES.get(fields.text(one, "type"), "general")
            known[html.unescape(fields.text(one, "tag"))] = kind
    sorted_tags: dict[str, list[str]] = {}
    for tag in fields.words(record.get("tags")):
        sorted_tags.setdefault(known.get(tag, "general"), []).append(tag)
    return {category: tuple(names) for category, names in sorted_tags.items()}


def _refusal(site: Site, said: str) -> Exception:
    low = said.lower()
    if "authentication" in low or "api_key" in low or "api key" in low:
        return KeyMissing(
            f"{site.label} wants an API key for searches. Add yours under Grabber › Accounts, "
            "or choose another source."
        )
    if "maximum queries" in low or "abuse" in low or "throttl" in low:
        return Blocked(
            f"{site.label} had too many searches from this connection today. Add your account, or "
            "choose another source."
        )
    return Unintelligible(f"{site.label} answered something else than posts. Try again later.")


ENGINE = Engine("gelbooru 0.2", posts, parse, count, parse_count, login)
