"""One tagging from beginning to end: as a job of a project, or of any folder from the command line."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lorabake.core.dataset import Dataset, scan_dataset
from lorabake.core.errors import DatasetError
from lorabake.core.history import Outcome
from lorabake.core.index import Index
from lorabake.core.vocabulary import open_vocabulary
from lorabake.core.worker import JobProcess
from lorabake.core.workspace import Workspace
from lorabake.tag.apply import TagPreview, chosen_images, preview_tags, write_tags
from lorabake.tag.job import read_request
from lorabake.tag.scoring import Scored, score_pictures
from lorabake.tag.settings import TagSettings
from lorabake.tag.taggers import Tagger, load_tagger

Tell = Callable[[str], None]
Progress = Callable[[int, int], None]
_REPORT = 0.3  # seconds between two events
MAX_SKIPPED = 100  # told one by one


@dataclass(frozen=True)
class Sitting:
    """What a tagging needs to know. paths_allowed: a tagger may be a folder (command line only)."""

    workspace: Workspace
    dataset: Dataset
    settings: TagSettings
    taggers: Sequence[str]
    ids: Sequence[str] | None = None
    extension: str = ".txt"
    device: str = "auto"
    paths_allowed: bool = False

    @property
    def index(self) -> Index:
        return self.workspace.index

    def score(
        self, *, tell: Tell, on_progress: Progress, should_stop: Callable[[], bool]
    ) -> tuple[tuple[str, ...], Scored]:
        """(keys of the taggers, what came of it): probabilities for pictures that have none."""
        pictures = [(image.sha256, image.path) for _, _, image in self._images()]
        total = len(pictures) * len(self.taggers)
        keys, failed, done, known = [], [], 0, 0
        for number, name in enumerate(self.taggers):
            tagger = self._open(name)
            keys.append(tagger.key)
            tell(f"{tagger.name} on {tagger.provider}")
            before = number * len(pictures)

            def report(now: int, _total: int, before: int = before) -> None:
                on_progress(before + now, total)

            scored = score_pictures(
                tagger,
                pictures,
                self.index,
                batch_size=self.settings.batch_size,
                on_progress=report,
                should_stop=should_stop,
            )
            failed += [pair for pair in scored.failed if pair not in failed]
            done, known = done + scored.done, known + scored.known
        return tuple(keys), Scored(done, known, tuple(failed))

    def preview(self, keys: Sequence[str]) -> TagPreview:
        vocabulary = open_vocabulary(self.workspace) if self.settings.aliases else None
        return preview_tags(
            self.dataset,
            self.index,
            self.settings,
            self.ids,
            vocabulary,
            extension=self.extension,
            keys=keys,
        )

    def write(self, preview: TagPreview) -> Outcome:
        return write_tags(self.dataset.root, preview, extension=self.extension)

    def _open(self, name: str) -> Tagger:
        return load_tagger(self.workspace, name, self.device, paths_allowed=self.paths_allowed)

    def _images(self) -> list[Any]:
        images = list(chosen_images(self.dataset, self.ids))
        if not images:
            raise DatasetError("There are no pictures to tag. Put some into the data set.")
        return images


def work(job: JobProcess, tell: Tell) -> dict[str, Any]:
    """Do the tagging that this job's folder asks for; returns what its last event says."""
    request = read_request(job.folder)
    workspace = Workspace.open(job.folder.parents[3])
    project = workspace.project(job.folder.parents[1].name)
    job.events.write("phase", name="looking", detail="")
    dataset = scan_dataset(
        project.dataset_dir, index=workspace.index, caption_extension=request.extension
    )
    sitting = Sitting(
        workspace, dataset, request.settings, request.taggers, request.ids, request.extension
    )
    job.raise_if_stopped()
    job.events.write("phase", name="tagging", detail=", ".join(request.taggers))
    keys, scored = sitting.score(
        tell=_said(job, tell), on_progress=_Reporter(job), should_stop=job.should_stop
    )
    for path, sentence in scored.failed[:MAX_SKIPPED]:
        job.events.write("warning", text=sentence)
        tell(f"{path.name}: {sentence}")
    result: dict[str, Any] = {
        "pictures": scored.done + scored.known,
        "scored": scored.done,
        "failed": len(scored.failed),
        "written": 0,
        "tags": 0,
        "skipped": [],
        "operation": None,
    }
    if request.write:
        job.raise_if_stopped()
        job.events.write("phase", name="writing", detail="")
        result |= written(sitting, sitting.preview(keys))
    return result


def written(sitting: Sitting, preview: TagPreview) -> dict[str, Any]:
    """Write the captions; how many of them and how many tags, what was skipped, the step to undo."""
    outcome = sitting.write(preview)
    places = {}
    for change in preview.changed:
        with suppress(ValueError):
            caption = change.image.with_suffix(sitting.extension)
            places[caption.relative_to(sitting.dataset.root).as_posix()] = change
    changed = [places[path] for path in outcome.changed if path in places]
    return {
        "written": len(changed),
        "tags": sum(len(set(change.after) - set(change.before)) for change in changed),
        "skipped": [list(pair) for pair in outcome.skipped[:MAX_SKIPPED]],
        "operation": outcome.operation.id if outcome.operation else None,
    }


class _Reporter:
    """Progress as events: the plan first, then at most a few steps a second, the last certainly."""

    def __init__(self, job: JobProcess) -> None:
        self._job = job
        self._last = 0.0
        self._total: int | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._total is None:
            self._total = total
            self._job.events.write("plan", steps=total, steps_per_epoch=total, epochs=1)
        now = time.monotonic()
        if done == total or now - self._last >= _REPORT:
            self._last = now
            self._job.events.write("step", step=done, epoch=1)


def _said(job: JobProcess, tell: Tell) -> Tell:
    def say(text: str) -> None:
        job.events.write("note", text=text)
        tell(text)

    return say
