"""Danbooru 2: danbooru.donmai.us and safebooru.donmai.us."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from lorabake.collect.errors import Unintelligible
from lorabake.collect.post import CATEGORIES, Post
from lorabake.collect.sites import fields
from lorabake.collect.sites.site import Account, Engine, Page, Params, Request, Site


def posts(site: Site, tags: str, page: int, limit: int) -> Request:
    return Request("posts.json", {"tags": tags, "page": str(page + 1), "limit": str(limit)})


def count(site: Site, tags: str) -> Request | None:
    return Request("counts/posts.json", {"tags": tags})


def parse_count(answer: str) -> int | None:
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    counts = found.get("counts") if isinstance(found, dict) else None
    return fields.number(counts, "posts") if isinstance(counts, dict) else None


def login(account: Account) -> tuple[Params, Params]:
    pair = base64.b64encode(f"{account.user}:{account.key}".encode()).decode()
    return {}, {"Authorization": f"Basic {pair}"}


def parse(site: Site, answer: Any) -> Page:
    if not isinstance(answer, list):
        raise Unintelligible(f"{site.label} answered something else than posts. Try again later.")
    found = [_post(site, record) for record in answer if isinstance(record, dict)]
    good = tuple(post for post in found if post is not None)
    return Page(good, None, len(answer) - len(good))


def _post(site: Site, record: Mapping[str, Any]) -> Post | None:
    number = fields.number(record, "id")
    if number is None or number <= 0:
        return None
    address = fields.url(record, "file_url")
    ending = fields.extension(record, address)
    deleted, banned = (record.get(f"is_{word}") is True for word in ("deleted", "banned"))
    tags = {kind: fields.words(record.get(f"tag_string_{kind}")) for kind in CATEGORIES}
    if not any(tags.values()):
        tags = {"general": fields.words(record.get("tag_string"))}
    return Post(
        site=site.name,
        id=number,
        md5=fields.md5(record, "md5"),
        file_url=address,
        preview_url=fields.url(record, "preview_file_url"),
        sample_url=fields.url(record, "large_file_url"),
        width=fields.side(record, "image_width"),
        height=fields.side(record, "image_height"),
        file_size=fields.number(record, "file_size"),
        extension=ending,
        rating=fields.rating(record),
        score=fields.number(record, "score"),
        parent_id=fields.parent(record),
        tags={kind: names for kind, names in tags.items() if names},
        source=fields.text(record, "source"),
        created=fields.text(record, "created_at", limit=60),
        page_url=f"{site.home}/posts/{number}",
        refused=fields.why_not(
            ending, address, site.label, deleted=deleted, banned=banned, login=True
        ),
    )


ENGINE = Engine("danbooru 2", posts, parse, count, parse_count, login)
