"""Balance: what each folder keeps and how often it is shown, which pictures go, and doing it."""

from __future__ import annotations

from typing import Any, Final

from lorabake.concepts.balance import MAX_TOLERANCE, TOLERANCE, Verdict
from lorabake.concepts.balancing import FolderShare, Proposal, apply, propose
from lorabake.concepts.looks import looks_of
from lorabake.concepts.pile import Sorting
from lorabake.concepts.worst import plain_verdicts
from lorabake.core.errors import DatasetError
from lorabake.core.marks import read_marks
from lorabake.core.workspace import Project
from lorabake.recipe.recipe import Recipe, with_setting
from lorabake.recipe.tables import epochs_for, nearest, table_for
from lorabake.ui import curate_view
from lorabake.ui.answers import answered, number, text
from lorabake.ui.chosen import read_chosen, write_chosen
from lorabake.ui.concept_do import keep_balanced
from lorabake.ui.concept_groups import look_closer
from lorabake.ui.concept_triggers import trained
from lorabake.ui.concept_view import MAX_IDS, in_card_order, look, said
from lorabake.ui.curate_measuring import measuring
from lorabake.ui.place import place
from lorabake.ui.words import plural

WAYS: Final = ("guide", "fewest", "repeats")
MOST_EPOCHS: Final = 1000
# What was flagged in "Curating" and how much it counts beside a copy (10), a twin (5), a small one (≤ 3).
_FLAGS: Final = {
    "blurred": (2.0, "is blurred"),
    "watermark": (1.5, "has a watermark"),
    "views": (1.0, "shows several views"),
    "others": (1.0, "shows others too"),
    "mono": (0.8, "has no colours"),
    "text": (0.6, "has text in it"),
    "signature": (0.4, "is signed"),
}
_STAR: Final = -20.0  # a starred picture goes last
_CHOSEN: Final = 1000.0
_FAMILIES: Final = (("sd15", "NAI 1.5"), ("sdxl", "PDXL and Illustrious"))


@answered("look")
def lb_concept_balance(data: dict[str, Any]) -> dict[str, Any]:
    """{project, way: guide, fewest or repeats, tolerance, keep: [ids], drop: [ids]} → the proposal.

    keep, drop: pictures of which the user decided otherwise; the next worst, or the best of those
    that would go, take their places. Each picture that would go: {id, sha, why}. looking: blur and
    near-twins are still looked for, so that other pictures may be proposed.
    """
    project = place().project(data.get("project"))
    seen = look(project)
    proposal = _proposal(project, seen.sorting, data)
    recipe = read_chosen(project).recipe
    shas = {one.id: one.sha256 for one in seen.sorting.pictures}
    told = proposal.to_mapping()
    order = in_card_order(project, seen.sorting)
    told["concepts"].sort(key=lambda one: order.index(one["folder"]))
    for folder in told["concepts"]:
        for one in folder["remove"]:
            one["sha"] = shas[one["id"]]
    images = sum(one.keep for one in proposal.folders)
    looking = look_closer(project, seen.sorting.pictures)
    measuring.begin(project.name, place().shelf(project.name))
    return told | {
        "looking": looking or measuring.running,
        "images": images,
        "unsorted": len(seen.sorting.pile),
        "changing": sum(one.folder != one.renamed for one in proposal.folders),
        "epochs": _epochs(recipe, len(proposal.folders), images, proposal.seen_per_epoch),
        "now": recipe.general.epochs,
    }


@answered("own")
def lb_concept_apply(data: dict[str, Any]) -> dict[str, Any]:
    """{…as `lb_concept_balance`, remove: [ids]} → as `said`, with pictures and folders.

    remove: what was shown; DatasetError when other pictures would go by now, and nothing is done.
    """
    project = place().project(data.get("project"))
    proposal = _proposal(project, look(project).sorting, data)
    shown = data.get("remove")
    would = [one.id for folder in proposal.folders for one in folder.remove]
    if not isinstance(shown, list) or len(shown) != len(would) or not set(would) <= _texts(shown):
        raise DatasetError("The pictures have changed meanwhile. Look at the new proposal first.")
    applied = apply(proposal)
    keep_balanced(project, applied)
    changed = sum(old != new for old, new in applied.renamed.items())
    return {**said(project, applied.set_aside), "pictures": proposal.lost, "folders": changed}


@answered("edit")
def lb_concept_epochs(data: dict[str, Any]) -> dict[str, Any]:
    """{project, epochs} → {said}: the table's epochs into the recipe; one step back undoes it."""
    project = place().project(data.get("project"))
    epochs = number(data, "epochs", otherwise=0, low=0, high=MOST_EPOCHS)
    before = read_chosen(project)
    recipe = with_setting(before.recipe, "general.epochs", epochs)
    write_chosen(project, before.preset, before.overlays, recipe, undoable=True)
    return {"said": f"The recipe has {plural(epochs, 'epoch')} now."}


def _proposal(project: Project, sorting: Sorting, data: dict[str, Any]) -> Proposal:
    way = text(data, "way", limit=20)
    asked = data.get("tolerance")
    wanted = asked if isinstance(asked, int | float) and asked == asked else TOLERANCE
    tolerance = min(max(float(wanted), 0.0), MAX_TOLERANCE)
    resolution = read_chosen(project).recipe.general.resolution
    if len(trained(sorting)) < 2:
        return _as_it_is(sorting)
    return propose(
        sorting,
        tolerance=tolerance if way == "fewest" else None,
        verdicts=_verdicts(project, sorting, data, resolution),
        resolution=resolution,
        keep_all=way == "repeats",
    )


def _as_it_is(sorting: Sorting) -> Proposal:
    """One folder has nothing to be balanced with: its repeats are the user's own."""
    folders = tuple(
        FolderShare(
            folder=one.folder.name,
            renamed=one.folder.name,
            trigger=one.trigger,
            images=len(one.images),
            keep=len(one.images),
            repeats=one.repeats,
            remove=(),
        )
        for one in trained(sorting)
    )
    return Proposal(sorting.root, folders, sum(one.seen for one in folders), 0.0)


def _verdicts(
    project: Project, sorting: Sorting, data: dict[str, Any], resolution: int
) -> dict[str, Verdict]:
    """id → what speaks against a picture: copies, twins, size; flags; and what the user decided."""
    looks = looks_of(sorting.pictures, place().index, should_stop=lambda: True)  # those known
    found: dict[str, Verdict] = {}
    for concept in sorting.concepts:
        pictures = sorting.of(concept.folder.name)
        found |= plain_verdicts(pictures, resolution=resolution, looks=looks)
    shelf = place().shelf(project.name)
    raised = curate_view.figures(project, shelf).flags
    stars = read_marks(project.dataset_dir, curate_view.STARS)
    for picture, flags in zip(shelf.pictures, raised, strict=True):
        plain = found.get(picture.id, Verdict(0.0))
        bad = [_FLAGS[flag.kind] for flag in flags if flag.kind in _FLAGS]
        badness = plain.badness + sum(weight for weight, _ in bad)
        if picture.sha in stars:
            badness += _STAR
        worst = max(bad, default=(0.0, ""))
        why = worst[1] if worst[0] > plain.badness else plain.why
        if badness or why:
            found[picture.id] = Verdict(badness, why)
    for name, badness, why in (("keep", -_CHOSEN, ""), ("drop", _CHOSEN, "you chose it")):
        listed = data.get(name)
        for one in (listed if isinstance(listed, list) else ())[:MAX_IDS]:
            if isinstance(one, str):
                found[one] = Verdict(badness, why)
    return found


def _texts(values: list[Any]) -> set[str]:
    return {one for one in values if isinstance(one, str)}


def _epochs(recipe: Recipe, concepts: int, images: int, looks: int) -> list[dict[str, Any]]:
    """For both families what their table says; mine: the one that the recipe is for."""
    rows = []
    for family, label in _FAMILIES:
        table = table_for(family, concepts)
        count = images if table.kind == "single" else looks
        rows.append(
            {
                "label": label,
                "epochs": epochs_for(table, count, looks / images if images else 1),
                "row": nearest(table, count).sentence,
                "mine": recipe.family == family,
            }
        )
    return rows


CALLS = (lb_concept_balance, lb_concept_apply, lb_concept_epochs)
