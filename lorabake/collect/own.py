"""Adding pictures of one's own: files, folders and zip archives, as one step that can be undone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lorabake.collect.download import SUFFIXES
from lorabake.collect.generated import Infotext, read_infotext
from lorabake.collect.job import concept_folder
from lorabake.collect.known import HERE, Known
from lorabake.collect.taking import tidy_made
from lorabake.collect.zips import CAPTIONS, is_zip_name, unpack
from lorabake.core.caption import read_caption
from lorabake.core.errors import DatasetError, ImageError, WorkspaceError
from lorabake.core.fetch import md5_of
from lorabake.core.files import atomic_write_text, disk_full_as_sentence
from lorabake.core.history import Outcome
from lorabake.core.image import ImageInfo, is_picture_name, probe_many
from lorabake.core.index import Index
from lorabake.core.names import name_key, natural_key, shown
from lorabake.core.pictures import Made, add_pictures, made_folder
from lorabake.core.sources import Baked, Source
from lorabake.core.workspace import Workspace

MAX_FILES = 20_000
Skip = Callable[[str, str], None]  # name, one sentence
OWN = "own"  # what a filter calls the source of a picture that was added by hand
ORIGIN = "own"


@dataclass(frozen=True)
class Note:
    """What is known of a picture besides its file. caption: instead of what lies beside or in it.

    baked: the bake that painted it, whether its file says so or not.
    """

    caption: str
    baked: Baked | None = None


@dataclass(frozen=True)
class Added:
    """What came in. saved: paths below the data set; generated: how many of them a model painted;
    skipped: name and one sentence for everything left out."""

    saved: tuple[str, ...]
    generated: int
    skipped: tuple[tuple[str, str], ...]
    outcome: Outcome


def add_own(
    workspace: Workspace,
    project: str,
    sources: Sequence[Path],
    folder: str,
    *,
    repeats: int = 1,
    extension: str = ".txt",
    prompts: bool = True,
    notes: Mapping[Path, Note] | None = None,
) -> Added:
    """Copy pictures with their captions into a concept, made when missing.

    sources: files, folders with all that is in them, zips. prompts: where a picture without a
    caption says how it was painted, its prompt becomes the first caption. notes: of the sources
    about which more is known.
    """
    root = workspace.project(project).dataset_dir
    return add_to(
        root,
        workspace.index,
        sources,
        concept_folder(root, folder, repeats),
        extension,
        prompts=prompts,
        notes=notes,
    )


def add_to(
    root: Path,
    index: Index,
    sources: Sequence[Path],
    folder: str,
    extension: str = ".txt",
    *,
    prompts: bool = True,
    notes: Mapping[Path, Note] | None = None,
) -> Added:
    """The same for the data set in any folder."""
    made = made_folder(root)
    taken = False
    try:
        adding = _Adding(root, folder, extension, made, notes or {})
        adding.find(sources)
        added = adding.add(index, prompts)
        taken = bool(added.saved)
        return added
    finally:
        tidy_made(made, taken=taken)


@dataclass(frozen=True)
class _Found:
    """A file that was offered. group: files of one group belong together by their names."""

    path: Path
    name: str
    group: str
    ours: bool  # unpacked by us: to be moved, not copied

    @property
    def key(self) -> tuple[str, str]:
        return self.group, name_key(Path(self.name).stem)


@dataclass
class _Adding:
    root: Path
    folder: str
    extension: str
    made: Path
    notes: Mapping[Path, Note]
    pictures: list[_Found] = field(default_factory=list)
    captions: dict[tuple[str, str], list[_Found]] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def skip(self, name: str, sentence: str) -> None:
        self.skipped.append((name, sentence))

    # --- what there is -----------------------------------------------------------------------

    def find(self, sources: Sequence[Path]) -> None:
        for count, path in enumerate(_files(sources, self.skip), start=1):
            if count > MAX_FILES:
                raise WorkspaceError(f"These are more than {MAX_FILES:,} files; add fewer at once.")
            if is_zip_name(path.name):
                self._unpack(path, count)
            else:
                self._take(_Found(path, path.name, str(path.parent), ours=False))
        known = {found.key for found in self.pictures}
        for key, texts in self.captions.items():
            if key not in known:
                for text in texts:
                    self.skip(
                        text.name,
                        f"{shown(text.name)} belongs to no picture: add it together with its picture.",
                    )

    def _unpack(self, archive: Path, number: int) -> None:
        try:
            for one in unpack(archive, self.made / f"zip{number}", self.skip):
                self._take(_Found(one.path, one.name, f"{archive}\0{one.group}", ours=True))
        except (DatasetError, OSError) as error:
            text = (
                str(error)
                if isinstance(error, DatasetError)
                else f"{shown(archive.name)} cannot be read ({error.strerror})."
            )
            self.skip(archive.name, text)

    def _take(self, found: _Found) -> None:
        suffix = Path(found.name).suffix.lower()
        if suffix in CAPTIONS:
            self.captions.setdefault(found.key, []).append(found)
        elif is_picture_name(found.name):
            self.pictures.append(found)
        else:
            self.skip(
                found.name,
                f"{shown(found.name)} was not added: only pictures (PNG, JPEG, WebP …), "
                "captions (.txt) and zip archives are.",
            )

    # --- taking it in ------------------------------------------------------------------------

    def add(self, index: Index, prompts: bool) -> Added:
        known = Known(self.root, index)
        seen = set(known.shas)
        made: list[Made] = []
        records: list[Source] = []
        infos = probe_many([found.path for found in self.pictures], thorough=True)
        for found, info in zip(self.pictures, infos, strict=True):
            if isinstance(info, ImageError):
                self.skip(found.name, str(info))
            elif info.sha256 in seen:
                self.skip(found.name, f"{shown(found.name)} was left out. {HERE}")
            else:
                seen.add(info.sha256)
                with disk_full_as_sentence(self.made):
                    one, record = self._one(found, info, len(made), prompts)
                made.append(one)
                records.append(record)
        outcome = Outcome(None)
        if made:
            outcome = add_pictures(self.root, made, self._title(len(made)), origin=ORIGIN)
            known.sources.record_many(records)
        return Added(
            saved=tuple(path for path in outcome.changed if is_picture_name(path)),
            generated=sum(record.generated for record in records),
            skipped=tuple(self.skipped),
            outcome=outcome,
        )

    def _one(
        self, found: _Found, info: ImageInfo, number: int, prompts: bool
    ) -> tuple[Made, Source]:
        target = self.made / f"{number}{SUFFIXES[info.format]}"
        if found.ours:
            found.path.rename(target)
        else:
            shutil.copyfile(found.path, target)
        note, infotext = self.notes.get(found.path), read_infotext(target)
        captions = [] if note else self._captions(found, target)
        first = note.caption if note else infotext.caption if infotext and prompts else ""
        if first and not captions:
            captions = [target.with_suffix(self.extension)]
            atomic_write_text(captions[0], f"{first}\n")
        made = Made(target, self.folder, Path(found.name).stem, captions)
        return made, _source(target, info, infotext, note.baked if note else None)

    def _captions(self, found: _Found, target: Path) -> list[Path]:
        """Copies of a picture's captions; what is no text stays out, and is told."""
        copies: list[Path] = []
        for text in self.captions.get(found.key, ()):
            copy = target.with_suffix(Path(text.name).suffix.lower())
            try:
                content = read_caption(text.path)
            except DatasetError as error:
                self.skip(text.name, str(error))
                continue
            if not copy.exists():
                copy.write_bytes(content.raw or b"")
                copies.append(copy)
        return copies

    def _title(self, count: int) -> str:
        what = "1 picture" if count == 1 else f"{count:,} pictures"
        return f"Add {what}{f' to {self.folder}' if self.folder else ''}"


def _source(path: Path, info: ImageInfo, infotext: Infotext | None, baked: Baked | None) -> Source:
    return Source(
        sha256=info.sha256,
        md5=md5_of(path),
        site=OWN,
        generated=infotext is not None or baked is not None,
        infotext=infotext.text if infotext else "",
        baked=baked,
    )


def _files(sources: Sequence[Path], skip: Skip) -> Iterator[Path]:
    """The files that were offered, those of folders in natural order; links and hidden ones not."""
    for source in sources:
        if source.is_symlink():
            skip(source.name, f"{shown(source.name)} is a link, and links are not followed.")
        elif source.is_dir():
            yield from _inside(source, skip)
        elif source.exists():
            yield source
        else:
            raise WorkspaceError(f"There is no {source}. Choose a file or folder that exists.")


def _inside(folder: Path, skip: Skip) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted((one for one in folders if not one.startswith(".")), key=natural_key)
        for name in sorted(names, key=natural_key):
            path = Path(place) / name
            if name.startswith("."):
                continue
            if path.is_symlink():
                skip(name, f"{shown(name)} is a link, and links are not followed.")
            else:
                yield path
