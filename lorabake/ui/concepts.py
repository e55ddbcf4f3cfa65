"""Concepts, styles, outfits: what is trained, pictures into folders, triggers, balance."""

from __future__ import annotations

from lorabake.core.image import is_picture_name
from lorabake.ui import (
    concept_balance,
    concept_do,
    concept_groups,
    concept_subject,
    concept_triggers,
    concept_view,
    editing,
    vocabulary,
)
from lorabake.ui.parts import part
from lorabake.ui.place import place
from lorabake.ui.signals import Desk, follow
from lorabake.ui.words import plural

ID = "concepts"
TITLE = "Concepts, styles, outfits"
GUIDE = (
    "Organize your images into separate folders that each represent a unique outfit or concept, give "
    "each its own activation tag, and let every folder be seen equally. Look for consistency and "
    "provide proper tagging. Press ? for the keys."
)
SCRIPTS = (
    "gridview",
    "selection",
    "completion",
    "curating_past",
    "concepts_subject",
    "concepts_cards",
    "concepts_groups",
    "concepts_triggers",
    "concepts_balance",
    "concepts_keys",
)


def build(desk: Desk) -> None:
    board = part(
        "concepts",
        calls=(
            concept_view.lb_concepts,
            concept_view.lb_concept_find,
            *concept_subject.CALLS,
            *concept_do.CALLS,
            *concept_groups.CALLS,
            *concept_triggers.CALLS,
            *concept_balance.CALLS,
            editing.lb_history,
            vocabulary.lb_complete,
        ),
        scripts=SCRIPTS,
        elem_id="lb-concepts",
    )
    follow(desk, board)


def state(project: str) -> str:
    """The title's second half: folders and T, or how many pictures are in none yet."""
    dataset = place().shelf(project).dataset
    root = dataset.root
    folders = [one for one in dataset.concepts if one.folder != root]
    loose = [
        *(one.path for one in dataset.images if one.path.parent == root),
        *(
            p.path
            for p in dataset.problems
            if p.path.parent == root and is_picture_name(p.path.name)
        ),
    ]
    waiting = len(set(loose))
    if waiting:
        return f"{plural(waiting, 'picture')} in no folder yet"
    if not folders:
        return "no pictures yet"
    return f"{plural(len(folders), 'folder')}, T = {dataset.seen_per_epoch:,}"
