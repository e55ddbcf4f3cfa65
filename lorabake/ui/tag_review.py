"""Where the tagger and the captions differ, tag by tag, and taking over what is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from lorabake.captions.editing import Edit, save_many
from lorabake.core.caption import parse_caption, with_tags
from lorabake.core.errors import DatasetError
from lorabake.core.history import Outcome
from lorabake.core.origins import Origins
from lorabake.core.tags import tag_key
from lorabake.core.vocabulary import open_vocabulary
from lorabake.core.workspace import Project
from lorabake.tag.apply import TagChange, TagPreview, probabilities
from lorabake.tag.difference import Difference, differences
from lorabake.ui.answers import answered, text
from lorabake.ui.place import of_place, place
from lorabake.ui.tag_choice import picture_ids, settings_of
from lorabake.ui.tag_preview import full_preview
from lorabake.ui.words import plural

Side = Literal["says", "have"]
MAX_ROWS = 200  # tags of each side
MAX_PICTURES = 120  # of one tag
MAX_NAME = 300  # characters of a tag
MAX_SKIPPED = 20  # told one by one


@answered("look")
def lb_tag_differences(data: dict[str, Any]) -> dict[str, Any]:
    """Both sides as [tag, category, pictures, mean probability], the most frequent first.

    The probability is None for tags that the tagger does not say; their pictures are asked singly.
    """
    project = place().project(data.get("project"))
    found = _preview(project, data)
    answer: dict[str, Any] = {"of": len(found.changes)}
    for side, rows in sides(project, found).items():
        answer[side] = [
            [row.tag, row.category, len(row.ids), _rounded(row.probability, side)]
            for row in rows[:MAX_ROWS]
        ]
        answer[f"{side}_more"] = max(0, len(rows) - MAX_ROWS)
        answer[f"{side}_tags"] = sum(len(row.ids) for row in rows)
    return answer


@answered("look")
def lb_tag_pictures(data: dict[str, Any]) -> dict[str, Any]:
    """The pictures of one row as [id, sha256, name, probability], the clearest mistakes first."""
    project = place().project(data.get("project"))
    side = side_of(data)
    found = _preview(project, data)
    row = find_row(project, found, side, text(data, "tag", limit=MAX_NAME))
    by_id = {change.id: change for change in found.changes}
    sure = probabilities(
        place().index,
        [by_id[name].sha for name in row.ids],
        row.tag,
        settings_of(project, data),
        workspace=place().workspace,
    )
    listed = [(name, sure.get(by_id[name].sha, 0.0)) for name in row.ids]
    listed.sort(key=lambda one: (one[1] if side == "have" else -one[1], one[0]))
    return {
        "pictures": [
            [name, by_id[name].sha, by_id[name].image.name, round(probability, 3)]
            for name, probability in listed[:MAX_PICTURES]
        ],
        "more": max(0, len(listed) - MAX_PICTURES),
    }


@answered("edit")
def lb_tag_accept(data: dict[str, Any]) -> dict[str, Any]:
    """Add what the tagger says, or remove what it does not say: one tag or ("") all of a side.

    only: ids of pictures; without it, all that the side lists.
    """
    project = place().project(data.get("project"))
    side, tag = side_of(data), text(data, "tag", limit=MAX_NAME)
    found = _preview(project, data)
    rows = [find_row(project, found, side, tag)] if tag else sides(project, found)[side]
    only = data.get("only")
    wanted = set(map(str, only)) if isinstance(only, list) else None
    return accept(project, side, rows, found, wanted)


_known: dict[Path, tuple[TagPreview, dict[Side, list[Difference]]]] = of_place(dict)


def sides(project: Project, found: TagPreview) -> dict[Side, list[Difference]]:
    """The differences of a preview; those of a project's last one are kept."""
    known = _known.get(project.root)
    if known is None or known[0] is not found:
        known = _known[project.root] = (found, _compare(project, found))
    return known[1]


def _compare(project: Project, found: TagPreview) -> dict[Side, list[Difference]]:
    """What the tagger says and captions have not, and what they have and it does not say.

    A tag that is not on the tagger's list is on no side: it cannot say it. Nor is a trigger.
    """
    says, have = differences(found.changes, knows=found.knows)
    concepts = place().shelf(project.name).dataset.concepts
    triggers = {tag_key(concept.trigger) for concept in concepts if concept.trigger}
    category = open_vocabulary(place().workspace).category
    return {
        "says": says,
        "have": [
            replace(row, category=category(row.tag), ids=tuple(dict.fromkeys(row.ids)))
            for row in have  # a caption may say a tag twice
            if tag_key(row.tag) not in triggers
        ],
    }


def side_of(data: dict[str, Any]) -> Side:
    return "have" if text(data, "side", limit=10) == "have" else "says"


def find_row(project: Project, found: TagPreview, side: Side, tag: str) -> Difference:
    for row in sides(project, found)[side]:
        if tag_key(row.tag) == tag_key(tag):
            return row
    raise DatasetError(f"There is no difference about {tag} any more. Another change was faster.")


def accept(
    project: Project,
    side: Side,
    rows: Sequence[Difference],
    found: TagPreview,
    only: set[str] | None,
) -> dict[str, Any]:
    """Take the rows over as one step of the history; says what was done."""
    wanted: dict[str, list[str]] = {}
    for row in rows:
        for name in row.ids:
            if only is None or name in only:
                wanted.setdefault(name, []).append(row.tag)
    if not wanted:
        raise DatasetError("There is nothing to change. Another change was faster.")
    by_id = {change.id: change for change in found.changes}
    edits = [
        Edit(by_id[name].image, edited(by_id[name].text, side, tags), by_id[name].hash)
        for name, tags in wanted.items()
    ]
    one = rows[0].tag if len(rows) == 1 else plural(sum(map(len, wanted.values())), "tag")
    title = f"Add {one}" if side == "says" else f"Remove {one}"
    root, files = project.dataset_dir, place().caption_extension(project)
    outcome = save_many(root, edits, title, "tagger", extension=files)
    if side == "says":
        _record(root, outcome, by_id, wanted, found.taggers)
    place().captions_changed(project.name, outcome.changed)
    return told(outcome, title)


def _record(
    root: Path,
    outcome: Outcome,
    by_id: Mapping[str, TagChange],
    wanted: Mapping[str, list[str]],
    taggers: Sequence[str],
) -> None:
    """These tags are the tagger's from now on, where they were written."""
    changed = {path.rpartition(".")[0] for path in outcome.changed}
    new = {
        by_id[name].sha: tags
        for name, tags in wanted.items()
        if by_id[name].image.relative_to(root).with_suffix("").as_posix() in changed
    }
    Origins.open(root).record_many(new, "tagger", by=", ".join(taggers))


def edited(caption: str, side: Side, tags: Sequence[str]) -> str:
    """The text with tags behind its own ("says") or without them ("have"); other lines stay."""
    before = parse_caption(caption).tags
    keys = set(map(tag_key, tags))
    if side == "have":
        return with_tags(caption, [tag for tag in before if tag_key(tag) not in keys])
    known = set(map(tag_key, before))
    return with_tags(caption, [*before, *(tag for tag in tags if tag_key(tag) not in known)])


def told(outcome: Outcome, title: str) -> dict[str, Any]:
    """A step of the history in a sentence, with what the page needs to undo it."""
    said = f"{title}: {plural(len(outcome.changed), 'caption')} changed."
    if outcome.skipped:
        said += f" {plural(len(outcome.skipped), 'caption')} left alone."
    return {
        "said": said,
        "operation": outcome.operation.id if outcome.operation else None,
        "skipped": skipped_rows(outcome),
    }


def skipped_rows(outcome: Outcome) -> list[str]:
    """What was left alone, and why."""
    return [f"{path}: {why}" for path, why in outcome.skipped[:MAX_SKIPPED]]


def _preview(project: Project, data: dict[str, Any]) -> TagPreview:
    return full_preview(project, settings_of(project, data), picture_ids(project, data))


def _rounded(probability: float, side: Side) -> float | None:
    return round(probability, 3) if side == "says" else None
