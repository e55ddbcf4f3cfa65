"""Lock files that the operating system frees when their holder dies, however it dies."""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

MACHINE_LOCK_VARIABLE = "LORABAKE_MACHINE_LOCK"

_held: weakref.WeakSet[FileLock] = weakref.WeakSet()


class FileLock:
    """An exclusive lock on a file (or, where the system can, on a folder).

    Only the process that took it holds it: a forked child lets go of its copy at once, so that a
    left-over helper process cannot make a dead job look alive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    @property
    def held(self) -> bool:
        return self._handle is not None

    def acquire(self, *, timeout: float = 0.0, pause: float = 0.02) -> bool:
        """Take the lock; False when somebody else still has it after `timeout` seconds."""
        if self._handle is not None:
            raise RuntimeError(f"the lock {self.path} is already held here")
        until = time.monotonic() + timeout
        while True:
            handle = _open(self.path)
            if _lock(handle):
                self._handle = handle
                _held.add(self)
                return True
            os.close(handle)
            if time.monotonic() >= until:
                return False
            time.sleep(pause)

    def release(self) -> None:
        if self._handle is not None:
            handle, self._handle = self._handle, None
            _held.discard(self)
            _unlock(handle)
            os.close(handle)

    def __enter__(self) -> FileLock:
        self.acquire(timeout=30)
        if not self.held:
            raise TimeoutError(f"the lock {self.path} stayed taken for 30 seconds")
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_locked(path: Path) -> bool:
    """Does any process hold the lock at this path?"""
    if not path.exists():
        return False
    lock = FileLock(path)
    if lock.acquire():
        lock.release()
        return False
    return True


def machine_lock() -> FileLock:
    """One heavy job at a time for this user of this machine, whatever workspaces are open."""
    chosen = os.environ.get(MACHINE_LOCK_VARIABLE)
    if chosen:
        return FileLock(Path(chosen))
    folder = platformdirs.user_cache_path("lorabake", appauthor=False)
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / "heavy.lock")


_guard = threading.Lock()
_folder_guards: dict[str, threading.Lock] = {}


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """One writer at a time in this folder, over all threads and all processes.

    Used around read-compare-write. Nothing is left behind in the folder: POSIX locks the folder
    itself, Windows a file in the user's cache.
    """
    key = str(folder.resolve())
    with _guard:
        threads = _folder_guards.setdefault(key, threading.Lock())
    with threads, FileLock(_lockable(folder, key)):
        yield


def _lockable(folder: Path, key: str) -> Path:
    if sys.platform != "win32":
        return folder
    else:
        import hashlib

        locks = platformdirs.user_cache_path("lorabake", appauthor=False) / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        return locks / hashlib.sha256(key.casefold().encode()).hexdigest()


if sys.platform == "win32":
    import msvcrt

    def _open(path: Path) -> int:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOINHERIT)

    def _lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _open(path: Path) -> int:
        if path.is_dir():
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)

    def _let_go_in_child() -> None:
        for lock in list(_held):
            handle, lock._handle = lock._handle, None
            if handle is not None:
                os.close(handle)  # not LOCK_UN: that would free the parent's lock as well

    os.register_at_fork(after_in_child=_let_go_in_child)
