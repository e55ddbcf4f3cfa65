"""Process tags: see what a set of operations would change, then do it as one step of the history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lorabake.captions.editing import Edit, save_many
from lorabake.captions.expressions import Expression
from lorabake.captions.items import Item, Layout, items_of
from lorabake.captions.operations import OPERATIONS
from lorabake.captions.settings import ProcessSettings
from lorabake.captions.typed import Matcher, parse_replacements, split_tags
from lorabake.captions.warnings import warnings_of
from lorabake.captions.working import Apply, Context, Keys, Memo, Reason, Subject, TagList, Tags
from lorabake.core.history import Outcome

__all__ = [
    "Changed",
    "Item",
    "Matched",
    "Preview",
    "Reason",
    "apply",
    "items_of",
    "match_count",
    "match_counts",
    "preview",
]

JOINED = "lines"  # stands in `counts` beside the names of OPERATIONS
_Scores = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Changed:
    """A caption that would be another. before, after: the whole text of the file."""

    id: str
    before: str
    after: str
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Preview:
    """What would change. counts: operation → captions that it changes, in the order of doing."""

    changes: tuple[Changed, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Matched:
    """How often something typed is found. tags: places (for a regular expression, its matches)."""

    tags: int = 0
    captions: int = 0


@dataclass(slots=True)
class _Work:
    """One caption under way. original, lines: tags of each line that is worked on, then and now."""

    item: Item
    subject: Subject
    layout: Layout
    original: list[Tags]
    lines: list[Tags]
    reasons: list[Reason] = field(default_factory=list)

    @property
    def is_changed(self) -> bool:
        return self.lines != self.original


def preview(
    items: Sequence[Item],
    settings: ProcessSettings,
    vocabulary: TagList | None = None,
    *,
    all_items: Sequence[Item] | None = None,
    scores: _Scores | None = None,
) -> Preview:
    """What `settings` would change in `items`; nothing is written.

    all_items: of the whole dataset, for what is counted; scores: picture → tag's key →
    the tagger's probability. FieldError for what cannot be done, such as a broken expression.
    """
    keys = Keys()
    works = _begin(items, settings, keys)
    here = {item.id for item in items}
    others = [
        (item.concept, item.tags)
        for item in (all_items if all_items is not None and _counts(settings) else ())
        if item.id not in here
    ]

    def captions() -> Iterator[tuple[str, Tags]]:
        yield from others
        yield from ((work.subject.concept, work.lines[0]) for work in works)

    counts = _joined(works, settings)
    context = Context(settings, vocabulary, captions, scores or {}, keys)
    for operation in OPERATIONS:
        if operation.wanted(settings):
            run = operation.make(context)
            counts[operation.name] = sum(_run(run, work) for work in works)
    changes = tuple(change for work in works if (change := _change(work)))
    warnings = warnings_of(works, settings, vocabulary, keys, scored=bool(scores))
    return Preview(changes, counts, tuple(warnings))


def apply(root: Path, items: Sequence[Item], preview: Preview, title: str) -> Outcome:
    """Write what was previewed as one step of the history of the dataset folder `root`.

    A caption that was changed elsewhere since it was read is skipped and told.
    """
    by_id = {item.id: item for item in items}
    pairs = [(by_id[change.id], change) for change in preview.changes]
    extensions = {item.extension for item, _ in pairs} or {".txt"}
    assert len(extensions) == 1, "captions of one kind at a time"
    edits = [Edit(item.image, change.after, item.hash) for item, change in pairs]
    return save_many(root, edits, title, "process", extension=extensions.pop())


def match_count(items: Sequence[Item], pattern: str, *, scope: str = "tags") -> int:
    """How often a regular expression matches; FieldError when it is no expression or too slow."""
    return _expression_matches(items, pattern, scope).tags if pattern else 0


def match_counts(items: Sequence[Item], settings: ProcessSettings) -> dict[str, Matched]:
    """For each field that looks for tags and is not empty: how often it finds some.

    Names: tags_to_emphasise, tags_to_remove, replace, regex_find.
    """
    found = {}
    for name in ("tags_to_emphasise", "tags_to_remove"):
        if split_tags(typed := getattr(settings, name)):
            found[name] = _tag_matches(items, Matcher(typed, name))
    if pairs := parse_replacements(settings.replace):
        found["replace"] = _tag_matches(items, pairs)
    if settings.regex_find:
        found["regex_find"] = _expression_matches(items, settings.regex_find, settings.regex_scope)
    return found


# --- matches -------------------------------------------------------------------------------------


def _tag_matches(items: Sequence[Item], typed: Matcher | Mapping[str, object]) -> Matched:
    keys = Keys()
    fits = typed.matches if isinstance(typed, Matcher) else typed.__contains__
    told = Memo(lambda tag: fits(keys[tag]))
    per_caption = [sum(map(told.__getitem__, item.tags)) for item in items]
    return Matched(sum(per_caption), sum(map(bool, per_caption)))


def _expression_matches(items: Sequence[Item], pattern: str, scope: str) -> Matched:
    expression = Expression(pattern)
    known: dict[str, int] = {}
    tags = captions = 0
    for item in items:
        texts = item.tags if scope == "tags" else (", ".join(item.tags),)
        here = 0
        for text in texts:
            if text not in known:
                known[text] = expression.count(text)
            here += known[text]
        tags += here
        captions += bool(here)
    return Matched(tags, captions)


# --- work ----------------------------------------------------------------------------------------


def _run(run: Apply, work: _Work) -> bool:
    """Do one operation to one caption; whether it changed anything."""
    touched = False
    for number, tags in enumerate(work.lines):
        if (result := run(tags, work.subject)) is not None:
            work.lines[number] = result[0]
            work.reasons += result[1]
            touched = True
    return touched


def _counts(settings: ProcessSettings) -> bool:
    """Whether any operation asks how common a tag is."""
    return settings.rare_below > 1 or settings.sort == "frequency" or bool(settings.consolidate)


def _begin(items: Sequence[Item], settings: ProcessSettings, keys: Keys) -> list[_Work]:
    named = (settings.tags_to_add, settings.tags_to_emphasise)
    added, emphasised = (frozenset(keys[tag] for tag in split_tags(text)) for text in named)
    kept = frozenset(
        keys[tag]
        for text in (settings.keep_tags, settings.tags_to_append)
        for tag in split_tags(text)
    )
    by_trigger: dict[str, tuple[frozenset[str], frozenset[str], frozenset[str]]] = {}
    works = []
    for item in items:
        if item.trigger not in by_trigger:
            trigger = frozenset(keys[tag] for tag in split_tags(item.trigger))
            front = added | emphasised | trigger
            by_trigger[item.trigger] = (kept | front, front, added | trigger)
        subject = Subject(item.id, item.concept, item.trigger, *by_trigger[item.trigger])
        layout = Layout.of(item.text, settings.lines)
        lines = [tags for _, tags in layout.tags]
        works.append(_Work(item, subject, layout, lines, lines.copy()))
    return works


def _joined(works: Sequence[_Work], settings: ProcessSettings) -> dict[str, int]:
    """Says which captions lose their line ends, when lines are to be joined."""
    if settings.lines != "join":
        return {}
    count = 0
    for work in works:
        lines = sum(1 for part in work.layout.parts if split_tags(part))
        if lines > 1:
            work.reasons.append(Reason("", JOINED, f"{lines} lines become one"))
            count += 1
    return {JOINED: count}


def _change(work: _Work) -> Changed | None:
    """None when the tags are as they were: how commas are spaced is nobody's wish."""
    before = work.item.text
    joined = any(reason.operation == JOINED for reason in work.reasons)
    if not joined and not work.is_changed:
        return None
    after = work.layout.text(work.lines)
    return Changed(work.item.id, before, after, tuple(work.reasons)) if after != before else None
