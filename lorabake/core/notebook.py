"""The hidden folder of a data set, and who may write to it: connections and locks of its history."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lorabake.core.changes import NOTEBOOK, Files
from lorabake.core.database import put_aside
from lorabake.core.errors import DatasetError, WorkspaceError
from lorabake.core.files import sweep_temporaries
from lorabake.core.history_steps import Steps
from lorabake.core.journal import DamagedJournal, Journal, errors_as_sentence
from lorabake.core.lock import folder_lock


class Notebook:
    """`.lorabake/history.sqlite` of a data set, made when the first step is done.

    One connection writes and another reads, so that looking never waits for a long step.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / NOTEBOOK / "history.sqlite"
        self._write_guard, self._read_guard = threading.RLock(), threading.RLock()
        self._writer: Journal | None = None
        self._reader: Journal | None = None
        self._process = os.getpid()
        self._inherited: object = None
        self._swept = False

    def close(self) -> None:
        with self._write_guard, self._read_guard:
            for journal in (self._writer, self._reader):
                if journal is not None:
                    journal.close()
            self._writer = self._reader = None

    @contextmanager
    def writing(self) -> Iterator[Steps]:
        """The data set for oneself, with the step of a writer that died completed."""
        notebook = self.path.parent
        with ExitStack() as held:
            held.enter_context(self._write_guard)
            _make_notebook(notebook)
            try:
                held.enter_context(folder_lock(notebook))
            except TimeoutError as error:
                raise WorkspaceError(
                    "Another window or program is still changing this data set. Try again."
                ) from error
            held.enter_context(self._damage_put_aside())
            self._let_go_of_another()
            if self._writer is None:
                self._writer = Journal(self.path)
            steps = Steps(self._writer, Files(self.root))
            steps.recover()
            self._sweep()
            yield steps

    @contextmanager
    def reading(self) -> Iterator[Journal | None]:
        """The journal as it is now, also while a step is under way; None before the first step."""
        with self._read_guard, self._damage_put_aside():
            self._let_go_of_another()
            if self._reader is None and self.path.exists():
                self._reader = Journal(self.path)
            yield self._reader

    @contextmanager
    def _damage_put_aside(self) -> Iterator[None]:
        try:
            with errors_as_sentence(self.path):
                yield
        except DamagedJournal:
            self.close()
            put_aside(self.path)
            raise

    def _let_go_of_another(self) -> None:
        """Connections to a file that was deleted or moved away, or that a fork brought along."""
        if self._process != os.getpid():
            # Not closed: that would free the locks of the process they belong to.
            self._process, self._inherited = os.getpid(), (self._writer, self._reader)
            self._writer = self._reader = None
        if self._writer is not None and not self._writer.fits():
            self._writer.close()
            self._writer = None
        if self._reader is not None and not self._reader.fits():
            self._reader.close()
            self._reader = None

    def _sweep(self) -> None:
        """Once: what writers that were killed before their step began left beside the captions."""
        if self._swept:
            return
        self._swept = True
        with os.scandir(self.root) as entries:
            folders = [Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False)]
        # The notebook is one of them.
        for folder in (self.root, *folders):
            sweep_temporaries(folder)


def _make_notebook(folder: Path) -> None:
    if folder.is_symlink():
        raise WorkspaceError(f"{folder} is a link to another place. Replace it by a real folder.")
    if not folder.parent.is_dir():
        raise DatasetError(
            f"There is no folder {folder.parent}. Choose the folder of your pictures."
        )
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"{folder} cannot be made ({error.strerror}), so changes could not be undone and none "
            "was made. Look at its permissions."
        ) from error
