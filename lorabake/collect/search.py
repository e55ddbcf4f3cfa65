"""One search over several boards: counted, paged, merged by md5, and as deep as it goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from lorabake.collect.client import ask_count, ask_posts
from lorabake.collect.errors import CollectError
from lorabake.collect.post import Post
from lorabake.collect.query import (
    PostFilters,
    Query,
    Split,
    Term,
    matches,
    parse_query,
    split,
    with_ratings,
)
from lorabake.collect.refuse import REFUSED, is_refused
from lorabake.collect.sites import SITES, Site
from lorabake.core.http import Web
from lorabake.core.vocabulary import Vocabulary, open_vocabulary
from lorabake.core.workspace import Workspace

__all__ = ["PostFilters", "ResultPage", "Search"]

PAGE = 40  # posts on a page of the screen
_EMPTY_PAGES = 20  # of a board in a row without a find, before one asks whether to go on
_CATEGORIES = {"artist", "copyright", "character", "meta"}


@dataclass(frozen=True)
class ResultPage:
    """posts: of this page. more: is there another. notes: what went wrong or was left out.

    refused: how many were left out because they are never fetched.
    """

    posts: tuple[Post, ...]
    more: bool
    notes: tuple[str, ...] = ()
    splits: dict[str, Split] = field(default_factory=dict)
    refused: int = 0


class Search:
    """One search. Pages are asked for as they are wanted, and kept. For one thread at a time."""

    def __init__(
        self,
        workspace: Workspace,
        sites: Sequence[str],
        text: str,
        filters: PostFilters | None = None,
        *,
        web: Web | None = None,
        explicit: bool = True,
    ) -> None:
        if not sites:
            raise CollectError("Choose a source to search.")
        self.sites = [SITES[name] for name in dict.fromkeys(sites)]
        self.filters = filters or PostFilters()
        query = parse_query(text, explicit=explicit)
        allowed = tuple(r for r in self.filters.ratings if explicit or r in query.ratings)
        self.query = with_ratings(query, allowed)
        self._vocabulary = open_vocabulary(workspace)
        self.splits = {
            site.name: split(self.query, site, rarity=self._vocabulary.count) for site in self.sites
        }
        self._webs = web or Web(tries=3)
        self._pace = {site.name: site.pause for site in self.sites}
        self._found: list[Post] = []
        self._notes: list[str] = [note for one in self.splits.values() for note in one.notes]
        self._refused = 0
        self._barred: set[str] = set()  # md5s of posts that one of the boards tells to refuse
        self._walk = self._merged()
        self._ended = False

    def count(self) -> dict[str, int | None]:
        """Posts by site as the board counts them, before anything is filtered here.

        None for a board that does not say. CollectError when none of them answers.
        """
        counts: dict[str, int | None] = {}
        failures: list[CollectError] = []
        for site in self.sites:
            counts[site.name] = None
            try:
                counts[site.name] = ask_count(self._web(site), site, self.splits[site.name].sent)
            except CollectError as error:
                failures.append(error)
        if len(failures) == len(self.sites):
            raise failures[0]
        return counts

    def page(self, number: int, size: int = PAGE) -> ResultPage:
        """From 0. CollectError when no board answers."""
        start = max(number, 0) * size
        self._fill(start + size + 1)
        posts = tuple(self._found[start : start + size])
        return ResultPage(
            posts,
            len(self._found) > start + size,
            tuple(dict.fromkeys(self._notes)),
            dict(self.splits),
            self._refused,
        )

    def iterate(self, limit: int) -> Iterator[Post]:
        """All of them, at most `limit`, the newest first."""
        for number in range(max(limit, 0)):
            self._fill(number + 1)
            if number >= len(self._found):
                return
            yield self._found[number]

    def _fill(self, wanted: int) -> None:
        while len(self._found) < wanted and not self._ended:
            more = next(self._walk, None)
            if more is None:
                self._ended = True
            else:
                self._found += more

    def _merged(self) -> Iterator[list[Post]]:
        """Rounds: a page of each board, a picture that several have only once."""
        walks = {site.name: self._pages(site) for site in self.sites}
        seen: set[str] = set()
        answered = False
        failures: list[CollectError] = []
        while walks:
            round_of: dict[str, Post] = {}
            for name, walk in list(walks.items()):
                try:
                    page = next(walk, None)
                except CollectError as error:
                    failures.append(error)
                    self._notes.append(str(error))
                    page = None
                else:
                    answered = True
                if page is None:
                    del walks[name]
                    continue
                for post in page:
                    key = post.md5 or f"{post.site} {post.id}"
                    if key in self._barred:
                        continue
                    if key in round_of:
                        round_of[key] = _united(round_of[key], post)
                    elif key not in seen:
                        round_of[key] = post
            for key in [key for key, post in round_of.items() if self._is_barred(key, post)]:
                del round_of[key]
            seen.update(round_of)
            if not answered and not walks and failures:
                raise failures[0]
            if round_of or walks:
                yield list(round_of.values())

    def _pages(self, site: Site) -> Iterator[list[Post]]:
        """Of one board; beyond what its pages reach, by `id:<N`."""
        sent, barren, page, before = self.splits[site.name].sent, 0, 0, 0
        here = _here(self.query, self.splits[site.name])
        web = self._web(site)
        while True:
            if site.depth is not None and (page + 1) * site.page_size > site.depth:
                if self.query.order or not before:
                    self._notes.append(
                        f"{site.label} goes no deeper in this order. Narrow the search, or leave "
                        "the order out."
                    )
                    return
                sent, page = f"{self.splits[site.name].sent} id:<{before}", 0
            found = ask_posts(web, site, sent, page, site.page_size)
            if found.damaged:
                self._notes.append(f"{site.label} sent {found.damaged} posts that make no sense.")
            if not found.posts:
                return
            before = min(post.id for post in found.posts)
            fit = [post for post in map(self._sorted, found.posts) if self._wanted(post, here)]
            barren = 0 if fit else barren + 1
            yield fit
            if barren >= _EMPTY_PAGES:
                self._notes.append(
                    f"{site.label}: nothing on {_EMPTY_PAGES} pages in a row fits, so the search "
                    "ended there. Loosen the filters, or narrow the search."
                )
                return
            page += 1

    def _is_barred(self, key: str, post: Post) -> bool:
        """By another board's word, or by the tags of two boards together."""
        if key not in self._barred and not is_refused(post):
            return False
        self._barred.add(key)
        return True

    def _wanted(self, post: Post, here: Query) -> bool:
        if is_refused(post):
            self._refused += 1
            if post.md5:
                self._barred.add(post.md5)
            return False
        return matches(post, here) and self.filters.fit(post)

    def _sorted(self, post: Post) -> Post:
        """With its tags by category, where the board gives only one list."""
        if SITES[post.site].categorised or any(kind in post.tags for kind in _CATEGORIES):
            return post
        return replace(post, tags=categorised(post.tags.get("general", ()), self._vocabulary))

    def _web(self, site: Site) -> Web:
        return replace(self._webs, pace=max(self._webs.pace, self._pace[site.name]))


def categorised(tags: Sequence[str], vocabulary: Vocabulary) -> dict[str, tuple[str, ...]]:
    """Tags by the category that the tag list knows; the unknown ones are general."""
    sorted_tags: dict[str, list[str]] = {}
    for tag in tags:
        category = vocabulary.category(tag)
        kind = category if category in _CATEGORIES else "general"
        sorted_tags.setdefault(kind, []).append(tag)
    return {kind: tuple(names) for kind, names in sorted_tags.items()}


def refusal_of(post: Post) -> str:
    """Why a post is not fetched, whatever is set; "" when it may be."""
    return REFUSED if is_refused(post) else post.refused


def _here(query: Query, part: Split) -> Query:
    """What is left to look for here: terms the board was not sent, and ratings always."""
    left = set(part.here)
    numbers = {"width", "height", "score"}
    terms: list[Term] = [t for t in query.terms if t.text in left or t.name in numbers]
    return Query(tuple(terms), query.ratings)


def _united(one: Post, other: Post) -> Post:
    """The first board's post with the tags of both."""
    known = set(one.all_tags)
    tags = {kind: tuple(names) for kind, names in one.tags.items()}
    for kind, names in other.tags.items():
        tags[kind] = tags.get(kind, ()) + tuple(tag for tag in names if tag not in known)
    better = other if one.refused and not other.refused else one
    return replace(better, tags=tags)
