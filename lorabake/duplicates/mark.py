"""What is done with duplicates: the marked ones go to the bin, a pair is never shown again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from lorabake.core.caption import caption_path, encode_like, read_caption, with_tags
from lorabake.core.dataset import split_concept_name
from lorabake.core.errors import DatasetError
from lorabake.core.history import Outcome, Write, open_history
from lorabake.core.marks import Marks, change_marks
from lorabake.core.names import shown
from lorabake.core.pictures import bin_pictures
from lorabake.core.tags import tag_key
from lorabake.duplicates.groups import pair_key

PAIRS = "pairs"  # of core.marks
ORIGIN = "duplicates"
# Tags of the file that goes, not of what it shows.
_OF_THE_FILE = {
    *("duplicate", "lowres", "jpeg_artifacts", "scaled", "upscaled", "downscaled", "resized"),
    *("cropped", "watermark", "sample_watermark", "signature", "artist_name", "web_address"),
    *("third-party_edit", "bad_id", "highres", "absurdres", "incredibly_absurdres"),
    *("monochrome", "greyscale"),
}


def delete_marked(
    root: Path, twins: Mapping[Path, Path], *, merge_tags: bool = False, extension: str = ".txt"
) -> list[Outcome]:
    """Move pictures to the bin, each with the one that is kept instead. twins: gone → kept.

    merge_tags: tags that only the gone one has are added to the kept one's caption; a step of its
    own, before the other. DatasetError, and nothing is done, when nothing would be kept.
    """
    if not twins:
        return []
    kept = {gone: _kept(gone, twins) for gone in twins}
    missing = next((path for path in kept.values() if not path.is_file()), None)
    if missing is not None:
        raise DatasetError(
            f"{shown(missing.name)}, which was to be kept, is no longer there. Scan again."
        )
    what = "1 duplicate" if len(twins) == 1 else f"{len(twins)} duplicates"
    outcomes = []
    if merge_tags:
        writes, told = _merged(root, kept, extension)
        if writes:
            title = f"Tags of {what} to the kept pictures"
            done = open_history(root).do(title, writes, origin=ORIGIN, strict=False)
            outcomes.append(done)
        if told:
            outcomes.append(Outcome(None, (), tuple(told)))
    outcomes.append(bin_pictures(root, list(twins), f"Move {what} to the bin", origin=ORIGIN))
    return outcomes


def never_show(root: Path, one: str, other: str) -> Outcome:
    """Remember that these two contents (sha256) are no duplicates."""

    def with_pair(marks: Marks) -> Marks:
        return {**marks, pair_key(one, other): True}

    return change_marks(root, PAIRS, with_pair, "Never show a pair as duplicates", origin=ORIGIN)


def _kept(gone: Path, twins: Mapping[Path, Path]) -> Path:
    """Who is left in the end: the one that is kept may itself go in favour of another."""
    passed, here = {gone}, twins[gone]
    while here in twins:
        if here in passed:
            raise DatasetError(
                f"All copies of {shown(gone.name)} are marked. Leave one of them to keep."
            )
        passed.add(here)
        here = twins[here]
    return here


def _merged(
    root: Path, kept: Mapping[Path, Path], extension: str
) -> tuple[list[Write], list[tuple[str, str]]]:
    """New captions of those that are kept, and those that could not be read."""
    gone_of: dict[Path, list[Path]] = defaultdict(list)
    for gone, keep in kept.items():
        gone_of[keep].append(gone)
    writes, told = [], []
    for keep, others in gone_of.items():
        path = caption_path(keep, extension)
        try:
            before = read_caption(path)
            tags = list(before.caption.tags)
            known = {tag_key(tag) for tag in tags}
            for gone in others:
                for tag in _worth_keeping(gone, keep, extension):
                    if tag_key(tag) not in known:
                        known.add(tag_key(tag))
                        tags.append(tag)
            if len(tags) > len(before.caption.tags):
                after = encode_like(before.raw, with_tags(before.text, tags))
                name = path.absolute().relative_to(root.absolute()).as_posix()
                writes.append(Write(name, before.raw, after))
        except DatasetError as error:
            told.append((path.name, str(error)))
    return writes, told


def _worth_keeping(gone: Path, keep: Path, extension: str) -> list[str]:
    """Tags of a picture that goes, without those of its file and the trigger of its own folder."""
    mine = tag_key(split_concept_name(gone.parent.name)[1])
    left_out = _OF_THE_FILE | ({mine} if gone.parent != keep.parent else set())
    tags = read_caption(caption_path(gone, extension)).caption.tags
    return [tag for tag in tags if tag_key(tag) not in left_out]
