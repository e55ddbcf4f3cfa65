"""e621ng: e621 and e926."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lorabake.collect.errors import Unintelligible
from lorabake.collect.post import Post
from lorabake.collect.sites import danbooru2, fields
from lorabake.collect.sites.site import Engine, Page, Request, Site

# Ours for theirs. "invalid" are mistakes, and "lore" is not to be seen in the picture.
_KINDS = {
    "artist": "artist",
    "contributor": "artist",
    "copyright": "copyright",
    "character": "character",
    "species": "general",
    "general": "general",
    "meta": "meta",
}


def posts(site: Site, tags: str, page: int, limit: int) -> Request:
    return Request("posts.json", {"tags": tags, "page": str(page + 1), "limit": str(limit)})


def count(site: Site, tags: str) -> Request | None:
    return Request("posts/count.json", {"tags": tags})


def parse_count(answer: str) -> int | None:
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    return fields.number(found, "count", "posts") if isinstance(found, dict) else None


def parse(site: Site, answer: Any) -> Page:
    listed = answer.get("posts") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise Unintelligible(f"{site.label} answered something else than posts. Try again later.")
    found = [_post(site, record) for record in listed if isinstance(record, dict)]
    good = tuple(post for post in found if post is not None)
    return Page(good, None, len(listed) - len(good))


def _post(site: Site, record: Mapping[str, Any]) -> Post | None:
    number = fields.number(record, "id")
    if number is None or number <= 0:
        return None
    file, flags = _object(record, "file"), _object(record, "flags")
    address = fields.url(file, "url")
    ending = fields.extension(file, address)
    tags: dict[str, tuple[str, ...]] = {}
    for theirs, ours in _KINDS.items():
        names = fields.words(_object(record, "tags").get(theirs))
        if names:
            tags[ours] = tags.get(ours, ()) + names
    sources = record.get("sources")
    first = sources[0] if isinstance(sources, list) and sources else ""
    deleted = flags.get("deleted") is True
    return Post(
        site=site.name,
        id=number,
        md5=fields.md5(file, "md5"),
        file_url=address,
        preview_url=fields.url(_object(record, "preview"), "url"),
        sample_url=fields.url(_object(record, "sample"), "url"),
        width=fields.side(file, "width"),
        height=fields.side(file, "height"),
        file_size=fields.number(file, "size"),
        extension=ending,
        rating="general" if record.get("rating") == "s" else fields.rating(record),
        score=fields.number(_object(record, "score"), "total"),
        parent_id=fields.parent(_object(record, "relationships")),
        tags=tags,
        source=first[:4_000] if isinstance(first, str) else "",
        created=fields.text(record, "created_at", limit=60),
        page_url=f"{site.home}/posts/{number}",
        refused=fields.why_not(ending, address, site.label, deleted=deleted, login=True),
    )


def _object(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


ENGINE = Engine("e621ng", posts, parse, count, parse_count, danbooru2.login)
