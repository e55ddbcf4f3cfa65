"""Groups that a pile falls into: looked for beside the page, shown with their tags, taken over as folders.

The looks that they come from also tell near-twins, so that "Balance" has them made as well.
"""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass, field
from typing import Any

from lorabake.concepts.cluster import Group, suggest_groups
from lorabake.concepts.looks import looks_of
from lorabake.concepts.pile import Picture, Sorting
from lorabake.concepts.sorting import assign_groups, folder_for, one_tag
from lorabake.core.dataset import split_concept_name
from lorabake.core.errors import DatasetError, LorabakeError
from lorabake.core.names import name_key
from lorabake.core.workspace import Project
from lorabake.tag.seen import tags_seen
from lorabake.ui.answers import answered, text
from lorabake.ui.concept_view import cards, look, named, remember_folders, said
from lorabake.ui.place import beside, of_place, place

logger = logging.getLogger(__name__)

MAX_SAMPLES = 8  # pictures of a group that are shown
MAX_GROUPS = 100
ANYWHERE = "*"


@dataclass
class Suggesting:
    """One look at pictures of a project, with or without laying them together."""

    pictures: tuple[Picture, ...]
    grouping: bool
    done: int = 0
    problem: str = ""
    groups: dict[int, Group] | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        return self.thread is not None and self.thread.is_alive()

    def begin(self) -> None:
        self.thread = beside(self._work, name="suggest-groups")
        self.thread.start()

    def _work(self) -> None:
        def tell(done: int, _: int) -> None:
            self.done = done

        try:
            index = place().index
            looks = looks_of(self.pictures, index, on_progress=tell, should_stop=self.stop.is_set)
            if not self.grouping:
                return
            seen = tags_seen(index, [one.sha256 for one in self.pictures])
            tags = {
                one.sha256: seen[one.sha256].union(one.tags)
                for one in self.pictures
                if one.sha256 in seen
            }
            found = suggest_groups(self.pictures, looks, tags=tags)
            if not self.stop.is_set():
                self.groups = dict(enumerate(found.groups))
        except LorabakeError as error:
            self.problem = str(error)
        except Exception:
            logger.exception("looking for groups failed")
            self.problem = "Looking for groups failed. The window of lorabake shows the details."


_looks: dict[str, Suggesting] = of_place(dict)  # by project
_closer: dict[str, Suggesting] = of_place(dict)  # the same for "Balance", which wants no groups
_guard = threading.Lock()


@answered("own")
def lb_concept_suggest(data: dict[str, Any]) -> dict[str, Any]:
    """{project, of: a folder, "" for the pile, "*" for all}: begin to look for groups."""
    project = place().project(data.get("project"))
    sorting, of = look(project).sorting, text(data, "of", limit=200)
    pictures = learned(sorting) if of == ANYWHERE else sorting.of(of)
    if not pictures:
        raise DatasetError("There are no pictures here to look for groups in.")
    with _guard:
        before = _looks.get(project.name)
        if before is not None:
            before.stop.set()
        found = _looks[project.name] = Suggesting(pictures, grouping=True)
        found.begin()
    return {}


def look_closer(project: Project, pictures: tuple[Picture, ...]) -> bool:
    """Look at pictures that were not looked at yet; True as long as that goes on."""
    with _guard:
        found = _closer.get(project.name)
        if found is None or (not found.running and found.pictures is not pictures):
            found = _closer[project.name] = Suggesting(pictures, grouping=False)
            found.begin()
        return found.running


@answered("look")
def lb_concept_groups(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → {running, done, total, problem, groups: null or [{number, count, tags, name, pictures}]}.

    pictures: [[id, sha256]] of a few.
    """
    project = place().project(data.get("project"))
    found = _looks.get(project.name)
    if found is None:
        return {"running": False, "done": 0, "total": 0, "problem": "", "groups": None}
    return {
        "running": found.running,
        "done": found.done,
        "total": len(found.pictures),
        "problem": found.problem,
        "groups": None if found.groups is None else _rows(project, found),
    }


@answered("own")
def lb_concept_take(data: dict[str, Any]) -> dict[str, Any]:
    """{project, groups: [[number, trigger]]} → as `said`, with pictures and folders: one step."""
    project = place().project(data.get("project"))
    found = _looks.get(project.name)
    listed = data.get("groups")
    groups = found.groups if found and found.groups else {}
    wanted: dict[int, str] = {}
    for pair in (listed if isinstance(listed, list) else ())[:MAX_GROUPS]:
        match pair:
            case [int(number), str(trigger)] if number in groups:
                wanted[number] = one_tag(trigger[:200])
    if found is None or found.groups is None or not wanted:
        raise DatasetError("These groups are no longer there. Look for groups again.")
    root = project.dataset_dir
    folders: dict[str, list[Picture]] = {}
    for number, trigger in wanted.items():
        pictures = named(project, found.groups[number].pictures)
        folders.setdefault(folder_for(root, trigger), []).extend(pictures)
    remember_folders(project, wanted.values())
    outcome = assign_groups(root, folders)
    found.groups = {n: group for n, group in found.groups.items() if n not in wanted}
    count = sum(map(len, folders.values()))
    return {**said(project, outcome), "pictures": count, "folders": len(folders)}


@answered("own")
def lb_concept_forget(data: dict[str, Any]) -> dict[str, Any]:
    """{project}: put the suggestions away."""
    project = place().project(data.get("project"))
    with _guard:
        found = _looks.pop(project.name, None)
        if found is not None:
            found.stop.set()
    return {}


def learned(sorting: Sorting) -> tuple[Picture, ...]:
    """All but those for regularisation."""
    reg = {one.folder.name for one in sorting.concepts if one.is_reg}
    return tuple(one for one in sorting.pictures if one.folder not in reg)


def _rows(project: Project, found: Suggesting) -> list[dict[str, Any]]:
    shas = {one.id: one.sha256 for one in found.pictures}
    taken = {name_key(card.trigger) for card in cards(project, look(project).sorting)}
    rows = []
    for number, group in (found.groups or {}).items():
        rows.append(
            {
                "number": number,
                "count": len(group.pictures),
                "tags": list(group.tags),
                "name": _free(project.name, taken),
                "pictures": [[id, shas[id]] for id in _spread(group.pictures)],
            }
        )
    return rows


def _spread(ids: tuple[str, ...]) -> list[str]:
    """A few from all over the group."""
    step = max(1, len(ids) // MAX_SAMPLES)
    return list(ids[::step][:MAX_SAMPLES])


def _free(project: str, taken: set[str]) -> str:
    """A trigger to begin with: the project's name with a number that no folder has."""
    stem = re.sub(r"[^\w]+", "", split_concept_name(project)[1].lower()) or "outfit"
    name = next(f"{stem}{n}" for n in range(1, 10_000) if name_key(f"{stem}{n}") not in taken)
    taken.add(name_key(name))
    return name


CALLS = (lb_concept_suggest, lb_concept_groups, lb_concept_take, lb_concept_forget)
