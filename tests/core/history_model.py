"""What a history should do, said once more in the plainest way: files are things, names are labels.

And random sequences of operations, each the same for the same seed, for the model and the real one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lorabake.core.history import Change, History, Move, Outcome, Write

START = {"5_a/one.txt": b"kafka, one", "5_a/two.txt": b"kafka, two", "3_b/one.txt": b"other"}


@dataclass
class Thing:
    """A file, whatever it is called. past, future: (step, contents before, contents after)."""

    content: bytes | None
    past: list[tuple[int, bytes | None, bytes | None]] = field(default_factory=list)
    future: list[tuple[int, bytes | None, bytes | None, int, bool]] = field(default_factory=list)


@dataclass
class Model:
    names: dict[str, Thing] = field(
        default_factory=lambda: {name: Thing(data) for name, data in START.items()}
    )
    moves: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    moves_undone: list[tuple[int, dict[str, str], int]] = field(default_factory=list)
    steps: int = 0
    clock: int = 0
    typed: tuple[int, str] | None = None

    @property
    def files(self) -> dict[str, bytes]:
        return {name: t.content for name, t in self.names.items() if t.content is not None}

    def write(self, contents: dict[str, bytes | None], *, typing: bool = False) -> None:
        (name, data), *_ = contents.items()
        joins = typing and self.typed == (self.steps - 1, name)
        self._new_step(touched=set(contents))
        if joins:
            self.steps -= 1
            _, before, _ = self.names[name].past.pop()
            self.names[name].past.append((self.steps - 1, before, data))
            self.names[name].content = data
            return
        for name, data in contents.items():
            thing = self.names.setdefault(name, Thing(None))
            thing.past.append((self.steps - 1, thing.content, data))
            thing.content = data
        self.typed = (self.steps - 1, name) if typing else None

    def move(self, names: dict[str, str]) -> None:
        self._new_step(touched=set())
        self._rename(names)
        self.moves.append((self.steps - 1, names))
        self.typed = None

    def undo(self) -> None:
        step = max((thing.past[-1][0] for thing in self.names.values() if thing.past), default=-1)
        self.clock += 1
        self.typed = None
        if self.moves and self.moves[-1][0] > step:
            number, names = self.moves.pop()
            self._rename({target: source for source, target in names.items()})
            self.moves_undone.append((number, names, self.clock))
            return
        for thing in self.names.values():
            if thing.past and thing.past[-1][0] == step:
                self._step_back(thing, alone=False)

    def redo(self) -> None:
        self.typed = None
        last = max(
            (thing.future[-1][3] for thing in self.names.values() if thing.future), default=-1
        )
        if self.moves_undone and self.moves_undone[-1][2] > last:
            number, names, _ = self.moves_undone.pop()
            self._rename(names)
            self.moves.append((number, names))
            return
        for thing in self.names.values():
            if thing.future and thing.future[-1][3] == last:
                self._step_on(thing)

    def undo_path(self, name: str) -> None:
        self.clock += 1
        self.typed = None
        self._step_back(self.names[name], alone=True)

    def redo_path(self, name: str) -> None:
        self.typed = None
        self._step_on(self.names[name])

    @property
    def can_undo(self) -> bool:
        return bool(self.moves) or any(thing.past for thing in self.names.values())

    @property
    def can_redo(self) -> bool:
        return bool(self.moves_undone) or any(thing.future for thing in self.names.values())

    def _new_step(self, touched: set[str]) -> None:
        """What was undone is gone, except in files that were undone alone and are not touched."""
        self.steps += 1
        self.clock += 1
        last = min((number for number, _, _ in self.moves_undone), default=self.steps)
        self.moves_undone = []
        for name, thing in self.names.items():
            lost = any(step > last or not alone for step, _, _, _, alone in thing.future)
            if name in touched or lost:
                thing.future = []

    def _rename(self, names: dict[str, str]) -> None:
        things = {target: self.names.pop(source) for source, target in names.items()}
        self.names.update(things)

    def _step_back(self, thing: Thing, *, alone: bool) -> None:
        step, before, after = thing.past.pop()
        thing.content = before
        thing.future.append((step, before, after, self.clock, alone))

    def _step_on(self, thing: Thing) -> None:
        step, before, after, _, _ = thing.future.pop()
        thing.content = after
        thing.past.append((step, before, after))


def play(model: Model, dice: random.Random) -> Callable[[History], Outcome]:
    """One random operation: done to the model at once, to the real history by what is returned."""
    choices: list[Callable[[Model, random.Random], Callable[[History], Outcome] | None]] = [
        *(_write, _write, _write, _move, _type, _type),
        *(_undo, _undo, _redo, _undo_path, _redo_path),
    ]
    while True:
        done = dice.choice(choices)(model, dice)
        if done is not None:
            return done


def _write(model: Model, dice: random.Random) -> Callable[[History], Outcome]:
    names = list(model.names)
    chosen = dice.sample(names, dice.randint(1, len(names)))
    if dice.random() < 0.3:
        chosen.append(f"5_a/new{model.steps}.txt")
    contents: dict[str, bytes | None] = {}
    for name in chosen:
        data = f"{name} at {model.steps}, {dice.random()}".encode() * dice.randint(1, 30)
        contents[name] = None if dice.random() < 0.15 and name in model.files else data
    changes: list[Change] = [
        Write(name, model.files.get(name), data) for name, data in contents.items()
    ]
    model.write(contents)
    return lambda history: history.do("write", changes)


def _type(model: Model, dice: random.Random) -> Callable[[History], Outcome] | None:
    if not model.files:
        return None
    name = dice.choice(list(model.files)[:2])
    data = model.files[name] + b", x%d" % dice.randint(0, 9)
    change = Write(name, model.files[name], data)
    model.write({name: data}, typing=True)
    return lambda history: history.do("type", [change], typing=True)


def _move(model: Model, dice: random.Random) -> Callable[[History], Outcome] | None:
    names = list(model.files)
    if len(names) < 2:
        return None
    targets = dice.sample(names, len(names))
    if dice.random() < 0.5:
        targets[0] = f"3_b/moved{model.steps}.txt"
    moves = {one: other for one, other in zip(names, targets, strict=True) if one != other}
    if not moves:
        return None
    changes: list[Change] = [Move(source, target) for source, target in moves.items()]
    model.move(moves)
    return lambda history: history.do("move", changes)


def _undo(model: Model, _: random.Random) -> Callable[[History], Outcome] | None:
    if not model.can_undo or _a_moved_file_is_gone(model, model.moves):
        return None
    model.undo()
    return lambda history: history.undo()


def _redo(model: Model, _: random.Random) -> Callable[[History], Outcome] | None:
    if not model.can_redo or _a_moved_file_is_gone(model, model.moves_undone):
        return None
    model.redo()
    return lambda history: history.redo()


def _a_moved_file_is_gone(model: Model, moves: list[Any]) -> bool:
    """Then the real one leaves that file out and says so, which the model does not know."""
    if not moves:
        return False
    return any(
        model.names[name].content is None
        for pair in moves[-1][1].items()
        for name in pair
        if name in model.names
    )


def _undo_path(model: Model, dice: random.Random) -> Callable[[History], Outcome] | None:
    names = [name for name, thing in model.names.items() if thing.past]
    if not names:
        return None
    name = dice.choice(names)
    model.undo_path(name)
    return lambda history: history.undo_path(name)


def _redo_path(model: Model, dice: random.Random) -> Callable[[History], Outcome] | None:
    # A step under a name that was taken back waits until the name is given again.
    last = min((number for number, _, _ in model.moves_undone), default=model.steps)
    names = [n for n, thing in model.names.items() if thing.future and thing.future[-1][0] < last]
    if not names:
        return None
    name = dice.choice(names)
    model.redo_path(name)
    return lambda history: history.redo_path(name)
