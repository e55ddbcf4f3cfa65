"""Random sequences of operations, each in a process that is killed in the middle.

Run as `python -m tests.core.history_runs FOLDER FIRST COUNT`; prints the seeds that lost something.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

from lorabake.core.files import FAULT_VARIABLE
from lorabake.core.history import History, Write
from tests.core.history_model import START, Model, play

LENGTH = 8  # operations in a sequence
POINTS = (
    *("history_journaled", "history_file_0", "history_file_1", "history_replaced"),
    *("history_aside_0", "history_aside_1", "history_aside"),
    *("history_placed_0", "history_placed_1", "history_placed"),
)


def main() -> None:
    folder, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    killed = 0
    for seed in range(first, first + count):
        root = folder / str(seed)
        try:
            killed += run(root, seed)
        except Exception:
            sys.stdout.write(f"seed {seed}: {traceback.format_exc()}\n")
        shutil.rmtree(root, ignore_errors=True)
    sys.stdout.write(f"killed {killed}\n")


def run(root: Path, seed: int) -> bool:
    """Was the process killed? AssertionError when something was lost."""
    for name, data in START.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    dice = random.Random(f"how {seed}")
    child = os.fork()
    if not child:
        _work(root, seed, dice)
    if dice.random() < 0.4:
        time.sleep(dice.random() * 0.03)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 137, -signal.SIGKILL), f"the process ended with {code}"
    _check(root, seed)
    return code != 0


def _work(root: Path, seed: int, dice: random.Random) -> None:
    code = 3
    try:
        cut, point = dice.randrange(LENGTH), dice.choice(POINTS)
        by_fault = dice.random() < 0.8
        model, moves = Model(), random.Random(seed)
        history = History(root)
        done = os.open(root / "done", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        for number in range(LENGTH):
            operation = play(model, moves)
            if by_fault and number >= cut:
                os.environ[FAULT_VARIABLE] = point
            outcome = operation(history)
            assert not outcome.skipped, outcome
            os.write(done, b".")
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _check(root: Path, seed: int) -> None:
    """Everything told as done is there; what was under way is there wholly, or not at all."""
    done = len((root / "done").read_bytes()) if (root / "done").exists() else 0
    model, dice = Model(), random.Random(seed)
    for _ in range(done):
        play(model, dice)
    possible = [model.files]
    if done < LENGTH:
        play(model, dice)
        possible.append(model.files)
    history = History(root)
    history.complete()
    now = files(root)
    assert now in possible, f"after {done}: {now} is none of {possible}"
    left = [path.name for path in root.rglob(".lorabake-*")]
    assert not left, f"names in between: {left}"
    if history.can_undo:
        history.undo()
        history.redo()
        assert files(root) == now, "undone and redone, it is another"
    while history.can_undo:
        history.undo()
    assert files(root) == START, f"all undone: {files(root)}"
    history.do("one more", [Write("5_a/more.txt", None, b"and on it goes")])
    left = [path.name for path in root.rglob("*.tmp")]
    assert not left, f"left behind: {left}"


def files(root: Path) -> dict[str, bytes]:
    return {
        f"{folder.name}/{path.name}": path.read_bytes()
        for folder in root.iterdir()
        if folder.is_dir() and not folder.name.startswith(".")
        for path in folder.iterdir()
        if not path.name.startswith(".")
    }


if __name__ == "__main__":
    main()
