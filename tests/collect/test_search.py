"""Searches against boards on this machine, in the dialect of each engine, on good and bad days."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorabake.collect import errors
from lorabake.collect.accounts import BadAccount, account_of, accounts, parse_account, save_account
from lorabake.collect.client import try_account
from lorabake.collect.post import Post
from lorabake.collect.query import BadQuery, PostFilters, matches, parse_query, split, with_ratings
from lorabake.collect.refuse import NotSearched
from lorabake.collect.search import Search
from lorabake.collect.sites import SITES, Page
from lorabake.core.errors import LorabakeError
from lorabake.core.http import Web
from lorabake.core.workspace import Workspace
from tests.collect.board import Entry, entries
from tests.collect.conftest import DIALECT, Serve

DIALECT_KEYS = ("gelbooru", "danbooru", "yandere")
GUIDES = "solo -rating:explicit -rating:questionable kafka_(honkai:_star_rail) shirt"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "workspace")


def quick() -> Web:
    return Web(tries=2, backoff=0.01, timeout=(2, 2))


def search(workspace: Workspace, *sites: str, text: str = "solo", **more: Any) -> Search:
    return Search(workspace, sites, text, web=quick(), **more)


@pytest.mark.parametrize("site", DIALECT)
def test_every_dialect_says_the_same(serve: Serve, workspace: Workspace, site: str) -> None:
    posts = [*entries(5), Entry(6, {"general": ("solo",)}, deleted=True)]
    serve(site, posts, key="secret" if SITES[site].key == "required" else "")
    found = search(workspace, site)
    assert found.count() == {site: 6}
    page = found.page(0)
    assert [post.id for post in page.posts] == [6, 5, 4, 3, 2, 1]
    assert not page.more
    last = page.posts[-1]
    assert (last.md5, last.width, last.height, last.extension) == (posts[0].md5, 96, 128, "png")
    assert (last.rating, last.score, last.parent_id) == ("general", 5, None)
    assert {"1girl", "solo", "kafka_(honkai:_star_rail)"} <= set(last.all_tags)
    assert last.refused == ""
    assert page.posts[0].refused


def test_boards_are_merged_by_md5(serve: Serve, workspace: Workspace) -> None:
    here = Entry(1, {"general": ("solo", "here")}, seed=1)
    there = Entry(70, {"general": ("solo", "there"), "character": ("kafka",)}, seed=1)
    serve("gelbooru", [here, Entry(2, {"general": ("solo",)})])
    serve("danbooru", [there, Entry(71, {"general": ("solo",)})])
    posts = search(workspace, "gelbooru", "danbooru").page(0).posts
    assert sorted((post.site, post.id) for post in posts) == [
        ("danbooru", 71),
        ("gelbooru", 1),
        ("gelbooru", 2),
    ]
    merged = next(post for post in posts if post.id == 1)
    assert set(merged.all_tags) == {"solo", "here", "there", "kafka"}


def test_one_board_that_fails_does_not_hide_the_others(serve: Serve, workspace: Workspace) -> None:
    serve("gelbooru", entries(2), misdeed="no key")
    serve("danbooru", entries(3))
    found = search(workspace, "gelbooru", "danbooru")
    assert found.count() == {"gelbooru": None, "danbooru": 3}
    page = found.page(0)
    assert len(page.posts) == 3
    assert any("Gelbooru does not know your key" in note for note in page.notes)


# --- what goes to the board -------------------------------------------------------------------------


def test_the_guides_example_goes_as_it_is() -> None:
    query = parse_query(GUIDES)
    assert query.ratings == {"general", "sensitive"}
    sent = split(query, SITES["gelbooru"])
    assert set(sent.sent.split()) == set(GUIDES.split())
    assert sent.here == ()


def test_danbooru_gets_two_tags_and_the_rest_is_looked_for_here(
    serve: Serve, workspace: Workspace
) -> None:
    posts = entries(4)
    posts.append(Entry(9, {"general": ("solo", "shirt"), "character": posts[0].tags["character"]}))
    posts.append(Entry(10, {"general": ("shirt", "solo")}))
    serve("danbooru", posts, max_tags=2)
    found = search(workspace, "danbooru", text=GUIDES)
    part = found.splits["danbooru"]
    counted = [word for word in part.sent.split() if "rating:" not in word]
    assert len(counted) == 2
    assert "kafka_(honkai:_star_rail)" in counted, "the rarest tag is sent"
    assert len(part.here) == 1
    assert [post.id for post in found.page(0).posts] == [9]
    assert any("2 tags" in note for note in part.notes)


def test_ratings_are_asked_for_in_each_boards_words() -> None:
    usual = parse_query("solo")
    assert split(usual, SITES["danbooru"]).sent == "solo -rating:q -rating:e"
    assert split(usual, SITES["rule34"]).sent == "solo -rating:questionable -rating:explicit"
    assert split(usual, SITES["safebooru"]).sent == "solo"
    # A slider does not bring what the words rule out.
    words = parse_query("solo -rating:explicit")
    assert with_ratings(words, ("general", "explicit")).ratings == {"general"}
    with pytest.raises(BadQuery, match="No rating"):
        with_ratings(words, ("explicit",))
    asked = parse_query("solo rating:explicit")
    assert asked.ratings == {"explicit"}
    assert "-rating:e" not in split(asked, SITES["danbooru"]).sent
    assert parse_query("solo rating:g,e", explicit=False).ratings == {"general"}
    with pytest.raises(BadQuery, match="No rating"):
        parse_query("rating:explicit", explicit=False)
    with pytest.raises(BadQuery, match="no rating 'nice'"):
        parse_query("rating:nice")


def test_explicit_posts_stay_away_even_if_the_board_sends_them(
    serve: Serve, workspace: Workspace
) -> None:
    serve("safebooru", [*entries(1), Entry(5, {"general": ("solo",)}, rating="explicit")])
    assert [post.id for post in search(workspace, "safebooru").page(0).posts] == [1]


def test_minors_are_never_searched_for_nor_shown(serve: Serve, workspace: Workspace) -> None:
    for word in ("loli", "Shota", "lol*i", "toddlercon"):
        if "*" not in word:
            with pytest.raises(NotSearched, match="never searched"):
                parse_query(f"solo {word} rating:explicit")
    bad = [
        Entry(1, {"general": ("solo", "loli")}),
        Entry(2, {"general": ("solo", "child")}, rating="explicit"),
        Entry(3, {"general": ("solo", "child")}),
    ]
    serve("gelbooru", bad)
    page = search(workspace, "gelbooru", text="solo rating:general rating:explicit").page(0)
    assert [post.id for post in page.posts] == [3]
    assert page.refused == 2
    # Nor where one board tells and another, which has the same picture, does not.
    serve(
        "danbooru", [Entry(11, {"general": ("solo",)}, seed=1), Entry(12, {"general": ("solo",)})]
    )
    for sites in (("gelbooru", "danbooru"), ("danbooru", "gelbooru")):
        posts = search(workspace, *sites).page(0).posts
        assert sorted((post.site, post.id) for post in posts) == [("danbooru", 12), ("gelbooru", 3)]


def test_filters_and_numbers(serve: Serve, workspace: Workspace) -> None:
    posts = [
        Entry(1, {"general": ("solo",)}, size=(50, 200), score=9),
        Entry(2, {"general": ("solo",)}, size=(300, 300), score=1),
        Entry(3, {"general": ("solo",)}, size=(300, 310), score=9, extension="jpg"),
    ]
    serve("danbooru", posts)

    def ids(text: str = "solo", **sliders: Any) -> list[int]:
        found = search(workspace, "danbooru", text=text, filters=PostFilters(**sliders))
        return [post.id for post in found.page(0).posts]

    assert ids(min_side=100) == [3, 2]
    assert ids(min_score=5) == [3, 1]
    assert ids(min_aspect=0.5, max_aspect=1.0) == [3, 2]
    assert ids(file_types=("jpeg",)) == [3]
    assert ids(ratings=("questionable",)) == []


def test_deeper_than_pages_reach(
    serve: Serve, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve("safebooru", entries(25))
    site = SITES["safebooru"]
    object.__setattr__(site, "page_size", 4)
    object.__setattr__(site, "depth", 8)
    try:
        found = search(workspace, "safebooru")
        ids = [post.id for post in found.iterate(100)]
        assert ids == list(range(25, 0, -1))
        pages = [[post.id for post in found.page(n, 10).posts] for n in range(3)]
        assert pages == [[*range(25, 15, -1)], [*range(15, 5, -1)], [*range(5, 0, -1)]]
    finally:
        object.__setattr__(site, "page_size", 100)
        object.__setattr__(site, "depth", 20_000)


# --- bad days ------------------------------------------------------------------------------------

BAD_DAYS = {
    "no key": (errors.KeyMissing, "does not know your key"),
    "blocked": (errors.Blocked, "refuses this program"),
    "deep": (errors.PageTooDeep, "that far"),
    "many tags": (errors.TooManyTags, "fewer tags"),
    "busy": (errors.Throttled, "too many requests"),
    "not json": (errors.Blocked, "a web page instead"),
    "empty": (errors.Unintelligible, "empty answer"),
    "quota": (errors.Blocked, "too many searches"),
    "overloaded": (errors.CollectError, "may be too wide"),
    "throttled": (errors.Throttled, "Wait some minutes"),
}


@pytest.mark.parametrize("misdeed", BAD_DAYS)
def test_each_refusal_has_its_own_sentence(
    serve: Serve, workspace: Workspace, misdeed: str
) -> None:
    serve("gelbooru", entries(2), misdeed=misdeed, key="sesame")
    kind, words = BAD_DAYS[misdeed]
    with pytest.raises(kind, match=words) as raised:
        search(workspace, "gelbooru").page(0)
    for error in (raised.value, raised.value.__cause__, raised.value.__context__):
        assert "sesame" not in repr(error)


def test_a_string_instead_of_posts_is_a_missing_key(serve: Serve, workspace: Workspace) -> None:
    serve("rule34", entries(1), misdeed="no key")
    with pytest.raises(errors.KeyMissing, match="wants an API key"):
        search(workspace, "rule34").page(0)


def test_nothing_found_is_no_error(serve: Serve, workspace: Workspace) -> None:
    for site in ("gelbooru", "danbooru", "e621", "yandere"):
        serve(site, [])
        page = search(workspace, site).page(0)
        assert (page.posts, page.more, page.notes) == ((), False, ())


# --- accounts ------------------------------------------------------------------------------------


def test_the_whole_line_is_pasted_and_never_shown(serve: Serve) -> None:
    board = serve("gelbooru", entries(1), key="s3cr3t")
    site = SITES["gelbooru"]
    account = account_of(site)
    assert account is not None
    assert (account.user, account.key) == ("12", "s3cr3t")
    assert "s3cr3t" not in f"{account} {account!r}"
    assert accounts()["gelbooru"] is True
    assert "knows your account" in try_account(quick(), site)
    assert "api_key=s3cr3t" in board.requests[-1]
    with pytest.raises(BadAccount, match="number"):
        parse_account("&api_key=a&user_id=somebody", site)
    with pytest.raises(BadAccount, match="whole line"):
        parse_account("only-a-key", site)
    assert parse_account("somebody abc", SITES["danbooru"]).user == "somebody"
    with pytest.raises(BadAccount, match="needs no account"):
        save_account("safebooru", "&api_key=a&user_id=1")


@settings(max_examples=100, deadline=None)
@given(
    text=st.text("&=_: abkeyiprsdulog0123456789", max_size=60), name=st.sampled_from(DIALECT_KEYS)
)
def test_whatever_is_pasted_is_an_account_or_a_sentence_without_it(text: str, name: str) -> None:
    secret = f"{text}Zq7"
    said = ""
    try:
        said = repr(parse_account(secret, SITES[name]))
    except BadAccount as error:
        said = str(error)
    assert said
    assert "Zq7" not in said


def test_the_file_of_accounts_is_the_owners_alone(serve: Serve, tmp_path: Path) -> None:
    serve("gelbooru", [])
    (path,) = (tmp_path / "config").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    path.chmod(0o644)  # copied from elsewhere
    assert account_of(SITES["gelbooru"]) is not None
    assert path.stat().st_mode & 0o077 == 0


def test_a_page_for_everybody_keeps_no_accounts(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/space")
    with pytest.raises(BadAccount, match="open to everybody"):
        save_account("danbooru", "somebody abc")
    assert not accounts()["danbooru"]


def test_e621_is_told_whose_program_asks(serve: Serve) -> None:
    board = serve("e621", entries(1))
    assert try_account(quick(), SITES["e621"]) == "e621 answers without an account."
    save_account("e621", "somebody abc")
    try_account(quick(), SITES["e621"])
    assert [agent.partition(" (by ")[2] for agent in board.agents] == ["", "somebody on e621)"]
    assert all(agent.startswith("lorabake/") for agent in board.agents)


# --- whatever they send ------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(
            ["id", "md5", "hash", "file_url", "tags", "rating", "score", "width", "post", "posts", "@attributes", "count", "file", "url", "tag_string_general", "tag_info", "type", "tag", "directory", "image", "parent_id", "flags", "success", "reason", "preview", "sources", "relationships", "ext", "file_ext", "source"]
        ),
        inner,
        max_size=8,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(answer=values, name=st.sampled_from(sorted(DIALECT)))
def test_malformed_answers_never_raise_anything_but_a_sentence(answer: Any, name: str) -> None:
    site = SITES[name]
    wrapped = [answer, [answer], {"posts": [answer]}, {"post": answer}]
    for one in wrapped:
        try:
            page = site.engine.parse(site, one)
        except LorabakeError:
            continue
        assert isinstance(page, Page)
        assert all(isinstance(post, Post) and post.id > 0 for post in page.posts)


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=80))
def test_any_text_is_a_query_or_a_sentence(text: str) -> None:
    try:
        query = parse_query(text)
    except LorabakeError:
        return
    for site in SITES:
        part = split(query, site)
        assert site.max_tags is None or len(part.sent.split()) <= site.max_tags + 12
    post = Post("gelbooru", 1, "", "", "", "", 1, 1, None, "png", "general", 0, None, {})
    assert matches(post, query) in (True, False)
