"""One improvement from beginning to end: as a job of a project, or of any folder from the command line.

Results wait in `.made/` and take the pictures' places all at once, so that one undo takes all back;
also when it is stopped, with what is ready by then. A job that was killed goes on where it was.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from lorabake.core.buckets import Size
from lorabake.core.carry import carry
from lorabake.core.dataset import DatasetImage, scan_dataset
from lorabake.core.errors import DeviceError, ImageError, ModelFileError, Stopped
from lorabake.core.files import sha256_of
from lorabake.core.history import Outcome
from lorabake.core.names import natural_key, shown
from lorabake.core.pictures import in_the_way, made_folder, replace_pictures, same_name
from lorabake.core.worker import JobProcess
from lorabake.core.workspace import Workspace
from lorabake.engine.device import find_device
from lorabake.enhance.contrast import Curve, curve_of
from lorabake.enhance.estimate import about, keep_pace, pace_of, seconds_for
from lorabake.enhance.job import read_request
from lorabake.enhance.ledger import FILE, Ledger
from lorabake.enhance.look import Look, look_many
from lorabake.enhance.models import resolve_upscaler
from lorabake.enhance.needs import target_size
from lorabake.enhance.scenes import Frame, scenes
from lorabake.enhance.settings import EnhanceSettings
from lorabake.enhance.tiles import tile_count
from lorabake.enhance.upscale import improve, write_png

if TYPE_CHECKING:
    from lorabake.enhance.network import Network

Tell = Callable[[str], None]
Progress = Callable[[int, int, str], None]  # tiles done, tiles in all, the picture's name
ORIGIN = "enhancing"
MADE = "enhance-made-1"  # fact of a picture that came out of an improvement
MAX_SKIPPED = 100  # told one by one
_REPORT = 0.3  # seconds between two events
CHANGED = "It was changed or moved meanwhile, so it was left alone."


@dataclass
class Sitting:
    """What an improvement needs to know, and what came of it.

    ledger: a file that remembers what is ready, or None. unchanged: names of pictures that are good
    as they are; skipped: (name, sentence).
    """

    workspace: Workspace
    root: Path
    images: Sequence[DatasetImage]
    settings: EnhanceSettings
    buckets: Sequence[Size] = ()
    ledger: Path | None = None
    paths_allowed: bool = False
    device: str = "auto"
    made: list[tuple[DatasetImage, Path]] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    _left_out: set[str] = field(default_factory=set)

    def run(self, *, tell: Tell, on_progress: Progress, should_stop: Callable[[], bool]) -> None:
        """Make all results. Stopped early, `made` holds what is ready."""
        curves = self._curves(should_stop)
        network = self._network(tell) if self.settings.model else None
        ready = self._ledger.ready()
        weights = [self._weight(image, network) for image in self.images]
        count = _Count(sum(weights), on_progress, should_stop)
        folder = made_folder(self.root)
        for number, (image, weight) in enumerate(zip(self.images, weights, strict=True)):
            count.begin(image.path.name, weight)
            place, curve = self._place(image), curves.get(image.sha256)
            if (place, image.sha256) in ready:
                self.made.append((image, ready[place, image.sha256]))
            elif place in self._left_out:
                pass
            elif not self._changes(image, curve):
                self.unchanged.append(place)
            else:
                self._make(image, folder / f"{number}.png", network, curve, count.tile)
            count.end()

    def leave_out(self, place: str, why: str) -> None:
        """Name a picture that stays as it is. place: below the data set; why: one sentence."""
        self._left_out.add(place)
        self.skipped.append((place, why))

    def take(self) -> Outcome:
        """Put what is ready in the pictures' places, as one step."""
        pairs = []
        results: dict[str, bytes] = {}
        for image, made in self.made:
            try:
                fresh = sha256_of(image.path) == image.sha256
            except OSError:
                fresh = False
            if fresh:
                sha = sha256_of(made)
                carry(self.root, image, sha)
                results[sha] = b""
                pairs.append((image.path, made))
            else:
                self.leave_out(self._place(image), CHANGED)
        if not pairs:
            return Outcome(None)
        self.workspace.index.keep_facts(MADE, results)
        return replace_pictures(self.root, pairs, title(self.settings, pairs), origin=ORIGIN)

    def _make(
        self,
        image: DatasetImage,
        made: Path,
        network: Network | None,
        curve: Curve | None,
        on_tile: Callable[[], None],
    ) -> None:
        if (other := in_the_way(image.path, made.suffix)) is not None:
            self.leave_out(self._place(image), same_name(image.path, other))
            return
        target = self._target(image)
        try:
            pixels = improve(
                image.path, target, self.settings, network=network, curve=curve, on_tile=on_tile
            )
        except ImageError as error:
            self.leave_out(self._place(image), str(error))
            return
        write_png(made, pixels)
        self.made.append((image, made))
        self._ledger.note(self._place(image), image.sha256, made)

    def _target(self, image: DatasetImage) -> Size:
        return target_size((image.width, image.height), self.settings, self.buckets)

    def _changes(self, image: DatasetImage, curve: Curve | None) -> bool:
        """Would the result be another picture?"""
        if self.settings.model and self.settings.strength > 0:
            return True
        return self._target(image) != (image.width, image.height) or curve is not None

    def _curves(self, should_stop: Callable[[], bool]) -> dict[str, Curve]:
        """The curve of each picture whose contrast changes, by sha256."""
        if not self.settings.contrast:
            return {}
        pictures = [(image.sha256, image.path) for image in self.images]
        looked = look_many(self.workspace.index, pictures, should_stop=should_stop)
        for image in self.images:
            if (why := looked.unreadable.get(image.sha256)) is not None:
                self.leave_out(self._place(image), why)
        return curves_of(self.images, looked.found, self.settings)

    def _network(self, tell: Tell) -> Network:
        """The network, its pace measured; tells how long all will take."""
        from lorabake.enhance.network import load_network

        upscaler = resolve_upscaler(
            self.workspace, self.settings.model, paths_allowed=self.paths_allowed, look=False
        )
        device = device_of(self.device)
        network = load_network(upscaler.path, device, name=upscaler.name)
        half = ", half precision" if network.half else ""
        tell(f"{network.name}: {network.architecture}, {network.scale}x, on {device.name}{half}")
        pace = pace_of(self.workspace, upscaler)
        if pace is None or pace.device != device.name:
            pace = network.measure()
            keep_pace(self.workspace, upscaler, pace)
        sizes = [((image.width, image.height), self._target(image)) for image in self.images]
        tell(about(seconds_for(sizes, self.settings, pace) or 0.0, len(sizes)))
        return network

    def _weight(self, image: DatasetImage, network: Network | None) -> int:
        """Tiles of a picture; 1 without a network."""
        if network is None or self.settings.strength <= 0:
            return 1
        return tile_count(image.width, image.height, network.tiling)

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self.ledger, self.root)

    def _place(self, image: DatasetImage) -> str:
        return image.path.relative_to(self.root).as_posix()


def curves_of(
    images: Sequence[DatasetImage], looks: Mapping[str, Look], settings: EnhanceSettings
) -> dict[str, Curve]:
    """sha256 → curve, of those that would change; frames of a scene share one."""
    curves: dict[str, Curve] = {}
    for group in scene_groups(images, looks, together=settings.scenes):
        curve = curve_of([looks[image.sha256].tones for image in group], settings)
        if curve.changes:
            curves |= {image.sha256: curve for image in group}
    return curves


def scene_groups(
    images: Sequence[DatasetImage], looks: Mapping[str, Look], *, together: bool
) -> list[list[DatasetImage]]:
    """The pictures that have one curve: those of a scene, or (not `together`) each by itself."""
    known = [image for image in images if image.sha256 in looks]
    if not together:
        return [[image] for image in known]
    known.sort(
        key=lambda image: (natural_key(image.path.parent.name), natural_key(image.path.name))
    )
    frames = [Frame(str(i.path.parent), i.width, i.height, looks[i.sha256].colours) for i in known]
    groups: dict[int, list[DatasetImage]] = defaultdict(list)
    for image, number in zip(known, scenes(frames), strict=True):
        groups[number].append(image)
    return list(groups.values())


def title(settings: EnhanceSettings, pairs: Sequence[object]) -> str:
    """What the history calls it: "Upscale 14 pictures"."""
    count = "1 picture" if len(pairs) == 1 else f"{len(pairs):,} pictures"
    if not settings.enlarges:
        return f"Change the contrast of {count}"
    return f"Upscale {count}" if not settings.contrast else f"Upscale {count}, with contrast"


def device_of(name: str) -> Any:
    """A DeviceInfo; "auto" takes the best, "cpu" the processor."""
    from lorabake.engine.device import DeviceInfo

    found = find_device()
    if name in ("auto", found.kind):
        return found
    if name == "cpu":
        return DeviceInfo("cpu", "CPU", 0)
    raise DeviceError(f"There is no {shown(name)} here, but {found.name}. Use auto or cpu.")


def work(job: JobProcess, tell: Tell) -> dict[str, Any]:
    """Do what this job's folder asks for; returns what its last event says."""
    request = read_request(job.folder)
    workspace = Workspace.open(job.folder.parents[3])
    root = workspace.project(job.folder.parents[1].name).dataset_dir
    job.events.write("phase", name="looking", detail="Looking at the pictures")
    dataset = scan_dataset(root, index=workspace.index)
    by_id = {image.path.relative_to(root).as_posix(): image for image in dataset.images}
    chosen, others = [], []
    for name, sha in request.pictures:
        image = by_id.get(name)
        if image is not None and image.sha256 == sha:
            chosen.append(image)
        else:
            others.append(name)
    sitting = Sitting(
        workspace,
        root,
        chosen,
        request.settings,
        request.buckets,
        ledger=job.folder / FILE,
    )
    _account_for(sitting, others, by_id)
    job.raise_if_stopped()
    detail = "Getting the upscaler ready" if request.settings.model else ""
    job.events.write("phase", name="improving", detail=detail)
    report = _Reporter(job)
    stopped: Stopped | None = None
    try:
        sitting.run(tell=tell, on_progress=report, should_stop=job.should_stop)
    except Stopped as error:
        stopped = error
    except (DeviceError, ModelFileError):
        taken(sitting)  # what is ready is worth keeping
        raise
    result = {"pictures": len(request.pictures), **taken(sitting)}
    for place, why in sitting.skipped[:MAX_SKIPPED]:
        job.events.write("warning", text=f"{place}: {why}")
        tell(f"{place}: {why}")
    if stopped is not None:
        said = f"{result['improved']} of {len(request.pictures)} pictures were ready and are kept."
        job.events.write("note", text=said, **result)
        raise stopped
    return result


def _account_for(sitting: Sitting, names: Sequence[str], by_id: Mapping[str, DatasetImage]) -> None:
    """Pictures that are no longer what was chosen: an earlier attempt improved them, or somebody."""
    now = {name: by_id.get(str(PurePosixPath(name).with_suffix(".png"))) for name in names}
    shas = [image.sha256 for image in now.values() if image is not None]
    improved = sitting.workspace.index.facts(MADE, shas)
    for name, image in now.items():
        if image is not None and image.sha256 in improved:
            sitting.unchanged.append(name)
        else:
            sitting.leave_out(name, CHANGED)


def taken(sitting: Sitting, *, limit: int | None = MAX_SKIPPED) -> dict[str, Any]:
    """Take in what is ready: which those are, what was left out, the step to undo."""
    outcome = sitting.take()
    written = written_paths(outcome)
    return {
        "written": written[:limit],
        "improved": len(written),
        "unchanged": len(sitting.unchanged),
        "skipped": [list(pair) for pair in sitting.skipped[:limit]],
        "operation": outcome.operation.id if outcome.operation else None,
    }


def written_paths(outcome: Outcome) -> list[str]:
    """The new pictures among what changed, below the data set."""
    return [path for path in outcome.changed if not path.startswith(".")]


class _Count:
    """Tiles done, of all; asks at each whether to stop."""

    def __init__(self, total: int, on_progress: Progress, should_stop: Callable[[], bool]) -> None:
        self._total, self._on_progress, self._should_stop = total, on_progress, should_stop
        self._done = self._end = 0
        self._name = ""
        on_progress(0, total, "")

    def begin(self, name: str, tiles: int) -> None:
        self._raise_if_stopped()
        self._name, self._end = name, self._end + tiles

    def tile(self) -> None:
        """One more, unless a picture takes more than was thought: when memory is short."""
        self._raise_if_stopped()
        self._done = min(self._done + 1, self._end)
        self._on_progress(self._done, self._total, self._name)

    def end(self) -> None:
        self._done = self._end
        self._on_progress(self._done, self._total, self._name)

    def _raise_if_stopped(self) -> None:
        if self._should_stop():
            raise Stopped("Stopped, as you asked. What was ready is kept.")


class _Reporter:
    """Progress as events: the plan first, then at most a few steps a second, the last certainly."""

    def __init__(self, job: JobProcess) -> None:
        self._job = job
        self._last = 0.0
        self._total: int | None = None

    def __call__(self, done: int, total: int, name: str) -> None:
        if self._total is None:
            self._total = total
            self._job.events.write("plan", steps=total, steps_per_epoch=total, epochs=1)
        now = time.monotonic()
        if done and (done == total or now - self._last >= _REPORT):
            self._last = now
            self._job.events.write("step", step=done, epoch=1, name=name)
