"""What the taggers of a project said of its pictures, where one of several tags must be chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lorabake.captions.groups import groups
from lorabake.core.tags import tag_key
from lorabake.core.workspace import Project
from lorabake.tag.apply import tagger_keys
from lorabake.tag.scores import labels_of, scores_for
from lorabake.ui.place import place
from lorabake.ui.tag_choice import read_tagging


def probabilities(project: Project, ids: Iterable[str]) -> dict[str, Mapping[str, float]]:
    """Picture → key of a tag → probability, of tags that exclude each other; nothing is run.

    Pictures that no tagger has seen are left out; of several taggers the surest counts.
    """
    import numpy as np  # a tenth of a second that the page's start need not pay

    wanted = {tag_key(tag) for group in groups() for tag in group.tags}
    index, shelf = place().index, place().shelf(project.name)
    shas = {one: shelf.by_id[one].sha for one in ids if one in shelf.by_id}
    found: dict[str, dict[str, float]] = {}
    for tagger in tagger_keys(index, read_tagging(project), place().workspace):
        labels = {at: tag_key(label.name) for at, label in enumerate(labels_of(index, tagger))}
        labels = {at: key for at, key in labels.items() if key in wanted}
        positions = np.fromiter(labels, dtype=np.intp)
        known = scores_for(index, tagger, shas.values())
        for one, sha in shas.items():
            if sha not in known:
                continue
            said = found.setdefault(one, {})
            scores = known[sha]
            among = np.isin(scores.labels, positions)
            for at, value in zip(scores.labels[among], scores.values[among], strict=True):
                key = labels[int(at)]
                said[key] = max(said.get(key, 0.0), float(value))
    return dict(found)
