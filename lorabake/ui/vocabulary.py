"""What the page asks about tags: completion, wiki, tokens, and the lists behind them."""

from __future__ import annotations

import shutil
import threading
from collections import Counter, OrderedDict
from dataclasses import asdict
from typing import Any, Final

from lorabake.captions.wiki import tag_wiki, wiki_url
from lorabake.core.errors import DatasetError, LorabakeError, NetworkError
from lorabake.core.files import TrashEntry, restore
from lorabake.core.http import Web
from lorabake.core.tags import caption_form
from lorabake.core.vocabulary import OwnTags, Vocabulary, open_vocabulary
from lorabake.core.vocabulary.job import fetch_state, start_fetch, stop_fetch
from lorabake.core.vocabulary.places import ListInfo, add_list, load_lists, put_first, remove_list
from lorabake.engine.token_count import count_tokens
from lorabake.ui.answers import answered, text
from lorabake.ui.chosen import read_chosen
from lorabake.ui.parts import part
from lorabake.ui.place import of_place, place
from lorabake.ui.signals import Desk
from lorabake.ui.uploads import batch_folder
from lorabake.ui.words import plural

MAX_TYPED: Final = 200  # characters
MAX_CAPTION: Final = 64 * 1024
MAX_SUGGESTIONS: Final = 20
_REMEMBERED: Final = 4  # projects whose own tags are kept
_own: OrderedDict[tuple[int, str], tuple[int, OwnTags]] = of_place(OrderedDict)
_own_guard = threading.Lock()
_removed: OrderedDict[str, TrashEntry] = of_place(OrderedDict)
_web: Final = Web(pace=0.5, timeout=(4.0, 8.0), tries=2)  # somebody waits for the answer


# --- one tag, one caption -------------------------------------------------------------------------


@answered("look")
def lb_complete(data: dict[str, Any]) -> dict[str, Any]:
    """{project, text, anywhere} → {suggestions: [{tag, category, count, own, alias}]}."""
    vocabulary = _vocabulary()
    found = vocabulary.complete(
        text(data, "text", limit=MAX_TYPED),
        own=own_tags(text(data, "project", limit=MAX_TYPED)),
        limit=MAX_SUGGESTIONS,
        anywhere=data.get("anywhere") is not False,
    )
    return {"suggestions": [asdict(suggestion) for suggestion in found]}


@answered("own")
def lb_wiki(data: dict[str, Any]) -> dict[str, Any]:
    """{tag} → {tag, title, text, url, examples, offline: a sentence or ""}."""
    tag = text(data, "tag", limit=MAX_TYPED)
    try:
        page = tag_wiki(_web, place().workspace.cache_dir, _vocabulary().canonical(tag))
    except NetworkError as error:
        nothing = {"tag": tag, "title": "", "text": "", "examples": []}
        return {**nothing, "url": wiki_url(tag), "offline": f"The wiki was not reached. {error}"}
    return {**asdict(page), "offline": ""}


@answered("look")
def lb_tokens(data: dict[str, Any]) -> dict[str, Any]:
    """{project, text} → {tokens, chunks, boundaries}; boundaries in UTF-16 units, as scripts count."""
    caption = text(data, "text", limit=MAX_CAPTION)
    found = count_tokens(caption, _family(data.get("project")))
    boundaries = [_units(caption, at) for at in found.boundaries]
    return {"tokens": found.tokens, "chunks": found.chunks, "boundaries": boundaries}


@answered("look")
def lb_implied(data: dict[str, Any]) -> dict[str, Any]:
    """{tag} → {known, tag, category, count, implies: [tags]}: what the lists say of one tag."""
    vocabulary = _vocabulary()
    tag = text(data, "tag", limit=MAX_TYPED)
    return {
        "known": vocabulary.has(tag),
        "tag": vocabulary.canonical(tag),
        "category": vocabulary.category(tag),
        "count": vocabulary.count(tag),
        "implies": sorted(caption_form(key) for key in vocabulary.implied(tag)),
    }


def own_tags(project: str) -> OwnTags:
    """The tags of a project with their counts, made anew when a caption changed; none without one."""
    try:
        shelf = place().shelf(project)
    except LorabakeError:
        return OwnTags({})
    key = (id(place()), project)
    with _own_guard:
        known = _own.get(key)
        if known is None or known[0] != shelf.version:
            version = shelf.version
            counts = Counter(tag for picture in shelf.by_id.values() for tag in set(picture.tags))
            known = _own[key] = (version, OwnTags(counts))
            while len(_own) > _REMEMBERED:
                _own.popitem(last=False)
        return known[1]


def _vocabulary() -> Vocabulary:
    return open_vocabulary(place().workspace)


def _family(project: object) -> str:
    """Of the project's model; all CLIP encoders cut text alike, so any will do without one."""
    try:
        return read_chosen(place().project(project)).recipe.family
    except LorabakeError:
        return "sdxl"


def _units(caption: str, at: int) -> int:
    """A place in UTF-16, where a rare character counts as two."""
    return len(caption[:at].encode("utf-16-le", "surrogatepass")) // 2


# --- the lists ---------------------------------------------------------------------------------------


@answered("look")
def lb_lists(data: dict[str, Any]) -> dict[str, Any]:
    """{lists, tags, implications, fetch}: what is loaded, from where, how old; see `list_row`."""
    loaded = load_lists(place().workspace)
    return {
        "lists": [list_row(info) for info in loaded.lists],
        "tags": loaded.vocabulary.size,
        "implications": loaded.vocabulary.implications,
        "fetch": asdict(fetch_state(place().workspace)),
    }


@answered("own")
def lb_fetch_list(data: dict[str, Any]) -> dict[str, Any]:
    """Begin to fetch the newest lists from Danbooru, or go on with it; {stop: true} stops."""
    if data.get("stop") is True:
        stop_fetch(place().workspace)
    else:
        start_fetch(place().workspace)
    return asdict(fetch_state(place().workspace))


@answered("look")
def lb_fetch_state(data: dict[str, Any]) -> dict[str, Any]:
    """{state, kind, share, lines, ended, error}: how far the fetching is."""
    return asdict(fetch_state(place().workspace))


@answered("upload")
def lb_drop_list(data: dict[str, Any]) -> dict[str, Any]:
    """{batch}: take uploaded CSV files as lists; {said: [[level, sentence]]} for each of them."""
    batch = batch_folder(text(data, "batch", limit=80))
    if not batch.is_dir():
        raise DatasetError("Nothing arrived. Choose the file once more.")
    said = []
    try:
        for path in sorted(batch.iterdir()):
            try:
                info = add_list(place().workspace, path, path.name)
                said.append(["ok", taken(info)])
            except LorabakeError as error:
                said.append(["bad", str(error)])
    finally:
        shutil.rmtree(batch, ignore_errors=True)
    return {"said": said}


@answered("own")
def lb_remove_list(data: dict[str, Any]) -> dict[str, Any]:
    """{name}: one of the user's lists to the bin; {removed}: for `lb_restore_list`."""
    name = text(data, "name", limit=MAX_TYPED)
    entry = remove_list(place().workspace, name)
    _removed[entry.folder.name] = entry
    while len(_removed) > 20:
        _removed.popitem(last=False)
    return {"removed": entry.folder.name, "said": f"{name} is in the bin."}


@answered("own")
def lb_restore_list(data: dict[str, Any]) -> dict[str, Any]:
    """{removed}: take a list out of the bin."""
    entry = _removed.pop(text(data, "removed", limit=MAX_TYPED), None)
    if entry is None:
        raise DatasetError("This list is no longer in the bin.")
    restore(entry)
    return {}


@answered("own")
def lb_first_list(data: dict[str, Any]) -> dict[str, Any]:
    """{name}: believe this list before the others."""
    put_first(place().workspace, text(data, "name", limit=MAX_TYPED))
    return {}


def list_row(info: ListInfo) -> dict[str, Any]:
    """One list for the page. own: it can be removed and moved; modified: seconds since 1970."""
    return {**asdict(info), "own": info.origin in ("yours", "danbooru")}


def taken(info: ListInfo) -> str:
    """One sentence on what a dropped file brought."""
    left = f" {plural(info.skipped, 'line')} without sense left out." if info.skipped else ""
    return f"{info.name} is in use: {plural(info.count, info.kind.removesuffix('s'))}.{left}"


LIST_CALLS: Final = (
    *(lb_lists, lb_fetch_list, lb_fetch_state, lb_drop_list, lb_implied, lb_complete),
    *(lb_remove_list, lb_restore_list, lb_first_list),
)


def build_lists(desk: Desk) -> None:
    """The place at the end of "Process tags" where tag lists are seen and managed."""
    part("lists", calls=LIST_CALLS, scripts=("completion",), elem_id="lb-lists")
