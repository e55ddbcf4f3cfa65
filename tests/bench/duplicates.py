"""Looking for duplicates: how much is found, how fast, and how much memory it takes.

`python -m tests.bench.duplicates [--imagededup PYTHON] [--write] [--report]`. PYTHON is one that has
imagededup; its PHash looks for duplicates in the same files, turn by turn, each time in a process of
its own. Without it that row is left out and nothing is claimed. Everything is drawn here.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from itertools import combinations
from pathlib import Path

import psutil
from PIL import Image

from lorabake.core.dataset import scan_dataset
from lorabake.core.index import Index
from lorabake.duplicates.groups import Group, group
from lorabake.duplicates.scan import Scan, scan_duplicates
from tests.duplicates.drawings import Drawn, scene, write_set

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "performance.md"
SIZE = (832, 1216)  # px: about a megapixel, as boards have it
FIRST = {"resized", "recompressed", "mirrored", "rotated", "greyed"}
THEIRS = """
import json, resource, sys, time, logging
logging.disable(logging.CRITICAL)
from imagededup.methods import PHash
def processor():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
before, started = processor(), time.perf_counter()
PHash(verbose=False).find_duplicates(image_dir=sys.argv[1])
print(json.dumps([time.perf_counter() - started, processor() - before]))
"""


@dataclass(frozen=True)
class Found:
    """precision: of pairs in one group; recall: by what was done to the drawing."""

    precision: float
    recall: dict[str, float]
    variants: float
    marked_variants: int

    def of(self, kinds: Iterable[str]) -> float:
        return min(self.recall[kind] for kind in kinds)


def quality(written: Sequence[Drawn], groups: Sequence[Group]) -> Found:
    """How the groups fit what was drawn: two pictures belong together when they show one drawing."""
    known = {str(one.path): one for one in written}
    place = {
        member.id: number
        for number, one in enumerate(groups)
        if not one.variant
        for member in one.members
    }
    originals = {one.drawing: str(one.path) for one in written if not one.made}
    made: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for path, one in known.items():
        if one.made:
            made[one.made] += 1
            home = place.get(originals[one.drawing])
            found[one.made] += home is not None and place.get(path) == home
    pairs = [
        known[a.id].drawing == known[b.id].drawing
        for one in groups
        if not one.variant
        for a, b in combinations(one.members, 2)
    ]
    beside: defaultdict[str, set[str]] = defaultdict(set)
    for one in groups:
        if one.variant:
            drawings = {known[member.id].drawing for member in one.members}
            for drawing in drawings:
                beside[drawing] |= drawings
    wanted = [name for name in originals if f"{name} variant" in originals]
    return Found(
        precision=sum(pairs) / max(1, len(pairs)),
        recall={kind: found[kind] / count for kind, count in made.items()},
        variants=sum(f"{name} variant" in beside[name] for name in wanted) / max(1, len(wanted)),
        marked_variants=sum(m.marked for one in groups if one.variant for m in one.members),
    )


def write_pictures(folder: Path, count: int, endings: Sequence[str]) -> None:
    """Scenes with the grain that drawn pictures have, each another one, `endings` in turn."""
    folder.mkdir(parents=True)
    grain = Image.effect_noise((256, 256), 40).resize(SIZE, Image.Resampling.BICUBIC)
    grain = Image.merge("RGB", (grain,) * 3)
    for number in range(count):
        picture = scene(number, SIZE).resize(SIZE)
        picture = Image.blend(picture, grain, 0.08)
        ending = endings[number % len(endings)]
        options = {"png": {"compress_level": 6}, "jpg": {"quality": 92}, "webp": {"quality": 90}}
        picture.save(folder / f"{number}.{ending}", **options[ending])  # type: ignore[arg-type]


def scanned(folder: Path, index: Path) -> tuple[Scan, float, float]:
    """The scan, seconds to read the data set, and seconds to look for duplicates in it."""
    memory = Index(index)
    started = time.perf_counter()
    images = scan_dataset(folder, index=memory).images
    read = time.perf_counter()
    scan = scan_duplicates(memory, images)
    done = time.perf_counter()
    memory.close()
    return scan, read - started, done - read


@dataclass(frozen=True)
class Spent:
    """read, looked: seconds for the data set and for the scan; processor: of the scan, with its
    decoders; memory: MiB at most, without decoders."""

    read: float
    looked: float
    processor: float
    memory: float


def spent_here(folder: Path, index: Path) -> Spent:
    memory = Index(index)
    started = time.perf_counter()
    images = scan_dataset(folder.parent, index=memory).images
    read, before = time.perf_counter(), processor_time()
    scan_duplicates(memory, images)
    done, used = time.perf_counter(), processor_time() - before
    memory.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Spent(read - started, done - read, used, peak)


def alone(folder: Path, index: Path) -> Spent:
    """`scanned` in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.duplicates", "--scan", str(folder), str(index)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return Spent(*json.loads(done.stdout.splitlines()[-1]))


def theirs(python: str, folder: Path) -> tuple[float, float]:
    """imagededup's PHash: seconds, and seconds of the processor."""
    done = subprocess.run(
        [python, "-W", "ignore", "-c", THEIRS, str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, processor = json.loads(done.stdout.splitlines()[-1])
    return seconds, processor


def processor_time() -> float:
    """Seconds of this process and of those it started."""
    here = psutil.Process()
    times = [one.cpu_times() for one in (here, *here.children(recursive=True))]
    return sum(one.user + one.system for one in times)


Row = tuple[str, str, str, bool | None]


def speed_rows(work: Path, count: int, rounds: int, python: str | None) -> list[Row]:
    rows: list[Row] = []
    for what, endings, goal in (
        ("JPEG, PNG and WebP in turn", ("jpg", "png", "webp"), 1.0),
        ("JPEG only", ("jpg",), 3.0),
    ):
        folder = work / what.split()[0] / "1_x"
        write_pictures(folder, count, endings)
        ours: list[Spent] = []
        other: list[tuple[float, float]] = []
        for turn in range(rounds):
            ours.append(alone(folder, work / f"{what[:4]}{turn}.sqlite"))
            if python:
                other.append(theirs(python, folder))
        pace = count / statistics.median(one.looked for one in ours)
        whole = count / statistics.median(one.read + one.looked for one in ours)
        text = f"{pace:.0f} pictures a second ({whole:.0f} with reading the data set)"
        name, ratio = f"first scan, {what}, {count} of 1 MP", None
        if other:
            pairs = list(zip(ours, other, strict=True))
            ratio = statistics.median(b[0] / a.looked for a, b in pairs)
            spent = statistics.median(b[1] / a.processor for a, b in pairs)
            theirs_pace = count / statistics.median(b[0] for b in other)
            text += f"; {ratio:.2f} × imagededup's PHash ({theirs_pace:.0f}), by processor time {spent:.2f} ×"
        fine = None if ratio is None else ratio >= goal
        rows.append((name, text, f"≥ {goal:.0f} ×" if other else "", fine))
    return rows


def size_rows(work: Path, count: int) -> list[Row]:
    """A second scan of many, regrouping of 2,000, and memory."""
    folder = work / "many" / "1_x"
    folder.mkdir(parents=True)
    for number in range(count * 9 // 10):
        picture = scene(number, (160, 120))
        picture.save(folder / f"{number}.png", compress_level=1)
        if number % 9 == 0:
            picture.resize((120, 90)).save(folder / f"{number} small.png", compress_level=1)
    few = work / "few" / "1_x"
    few.mkdir(parents=True)
    for path in sorted(folder.iterdir())[:2000]:
        os.link(path, few / path.name)
    little = alone(few, work / "few.sqlite").memory
    first = alone(folder, work / "many.sqlite")
    second = [alone(folder, work / "many.sqlite").looked for _ in range(3)]
    scan, _, _ = scanned(few, work / "few.sqlite")
    times = []
    for hardness in (95, 90, 80, 60, 95, 97, 99):
        started = time.perf_counter()
        group(scan, hardness=hardness)
        times.append(1000 * (time.perf_counter() - started))
    number = f"{len(list(folder.iterdir())):,}"
    again, regroup = statistics.median(second), statistics.median(times)
    return [
        (f"first scan of {number} small pictures", f"{first.looked:.0f} s", "", None),
        (f"second scan of {number}", f"{again:.2f} s", "≤ 5 s", again <= 5),
        ("groups of 2,000 for another hardness", f"{regroup:.0f} ms", "≤ 100 ms", regroup <= 100),
        (
            f"peak memory with {number} (with 2,000)",
            f"{first.memory:.0f} ({little:.0f}) MiB",
            "",
            None,
        ),
    ]


def quality_rows(work: Path, drawings: int) -> list[Row]:
    written = write_set(work / "quality" / "1_x", drawings)
    scan, _, seconds = scanned(work / "quality", work / "quality.sqlite")
    found = quality(written, group(scan).groups)
    rows: list[Row] = [
        (
            f"generated set of {len(written):,}: precision of pairs",
            f"{found.precision:.4f}",
            "≥ 0.99",
            found.precision >= 0.99,
        )
    ]
    for kind, share in found.recall.items():
        goal = 0.98 if kind in FIRST else 0.9 if kind == "cropped" else None
        limit = "" if goal is None else f"≥ {goal}"
        name = "cropped by a tenth" if kind == "cropped" else kind
        rows.append(
            (f"recall, {name}", f"{share:.3f}", limit, None if goal is None else share >= goal)
        )
    rows.append(
        (
            "variants shown beside their original (marked)",
            f"{found.variants:.3f} ({found.marked_variants})",
            "(0)",
            found.marked_variants == 0,
        )
    )
    rows.append(("seconds for that scan", f"{seconds:.0f} s", "", None))
    return rows


def table(rows: Sequence[Row]) -> str:
    today = datetime.datetime.now(datetime.UTC).date()
    lines = [
        f"{today}, {os.cpu_count()} cores",
        "",
        "| what | measured | wanted | |",
        "|---|---|---|---|",
    ]
    verdict = {None: "", True: "ok", False: "missed"}
    return "\n".join([*lines, *(f"| {a} | {b} | {c} | {verdict[d]} |" for a, b, c, d in rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--imagededup", metavar="PYTHON")
    parser.add_argument("--pictures", type=int, default=240, help="for the speed of a first scan")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--drawings", type=int, default=160, help="of each kind; 20 pictures each")
    parser.add_argument("--only", choices=("speed", "size", "quality"))
    parser.add_argument(
        "--write", action="store_true", help="renew the table in docs/performance.md"
    )
    parser.add_argument("--report", action="store_true", help="end well though a goal is missed")
    parser.add_argument("--scan", nargs=2, metavar=("FOLDER", "INDEX"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.scan:
        print(json.dumps(list(astuple(spent_here(*map(Path, asked.scan))))))
        return
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if asked.only in (None, "speed"):
            rows += speed_rows(work, asked.pictures, asked.rounds, asked.imagededup)
        if asked.only in (None, "size"):
            rows += size_rows(work, asked.many)
        if asked.only in (None, "quality"):
            rows += quality_rows(work, asked.drawings)
    text = table(rows)
    print(text)
    if asked.write:
        document = RESULTS.read_text(encoding="utf-8")
        new = re.sub(
            r"(<!-- duplicates -->\n).*?(<!-- end -->)",
            lambda match: f"{match[1]}{text}\n{match[2]}",
            document,
            flags=re.S,
        )
        RESULTS.write_text(new, encoding="utf-8", newline="\n")
    if not asked.report and any(fine is False for *_, fine in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
