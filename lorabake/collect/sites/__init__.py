"""The boorus that can be searched. One row adds a site of a known engine.

Limits and addresses: each site's own help and source, as of 2026.
"""

from __future__ import annotations

from lorabake.collect.sites import danbooru2, e621ng, gelbooru02, moebooru
from lorabake.collect.sites.site import Account, Engine, Page, Request, Site
from lorabake.core.registry import Registry

__all__ = ["SITES", "Account", "Engine", "Page", "Request", "Site"]

_FOUR = {rating: rating for rating in ("general", "sensitive", "questionable", "explicit")}
_LETTERS = {"general": "g", "sensitive": "s", "questionable": "q", "explicit": "e"}
_SAFE = {"general": "safe", "sensitive": "", "questionable": "questionable", "explicit": "explicit"}
_THREE = {"general": "s", "sensitive": "", "questionable": "q", "explicit": "e"}
_NONE = dict.fromkeys(_FOUR, "")
# Danbooru's source calls these unlimited: they do not count against the two tags.
_FREE = frozenset(
    [
        "rating",
        "status",
        "id",
        "date",
        "age",
        "filesize",
        "filetype",
        "parent",
        "child",
        "md5",
        "width",
        "height",
        "mpixels",
        "ratio",
        "score",
        "favcount",
        "tagcount",
        "is",
        "limit",
    ]
)

SITES = Registry[Site](
    "source",
    Site(
        "gelbooru", "Gelbooru", gelbooru02.ENGINE, "https://gelbooru.com", "https://gelbooru.com",
        ("gelbooru.com",), 1.0, 100, _FOUR, depth=20_000, key="required", categorised=False,
        headers={"Referer": "https://gelbooru.com/"},
    ),
    Site(
        "danbooru", "Danbooru", danbooru2.ENGINE, "https://danbooru.donmai.us",
        "https://danbooru.donmai.us", ("donmai.us",), 1.0, 100, _LETTERS, max_tags=2, free=_FREE,
        depth=100_000, key="optional",
    ),
    Site(
        "safebooru", "Safebooru", gelbooru02.ENGINE, "https://safebooru.org",
        "https://safebooru.org", ("safebooru.org",), 1.0, 100, _NONE, depth=20_000,
        categorised=False,
    ),
    Site(
        "safe-danbooru", "Safebooru (Danbooru)", danbooru2.ENGINE, "https://safebooru.donmai.us",
        "https://safebooru.donmai.us", ("donmai.us",), 1.0, 100, _NONE, max_tags=2, free=_FREE,
        depth=100_000, key="optional",
    ),
    Site(
        "rule34", "Rule34", gelbooru02.ENGINE, "https://rule34.xxx", "https://api.rule34.xxx",
        ("rule34.xxx",), 1.0, 100, _SAFE, depth=20_000, key="required",
    ),
    Site(
        "e621", "e621", e621ng.ENGINE, "https://e621.net", "https://e621.net", ("e621.net",), 1.0,
        100, _THREE, max_tags=40, depth=75_000, key="optional",
    ),
    Site(
        "e926", "e926", e621ng.ENGINE, "https://e926.net", "https://e926.net",
        ("e926.net", "e621.net"), 1.0, 100, _NONE, max_tags=40, depth=75_000, key="optional",
    ),
    Site(
        "yandere", "yande.re", moebooru.ENGINE, "https://yande.re", "https://yande.re",
        ("yande.re",), 1.0, 100, _THREE, max_tags=6, free=_FREE, key="optional",
    ),
    Site(
        "konachan", "Konachan", moebooru.ENGINE, "https://konachan.com", "https://konachan.com",
        ("konachan.com",), 1.0, 100, _THREE, max_tags=6, free=_FREE, key="optional",
    ),
)  # fmt: skip
