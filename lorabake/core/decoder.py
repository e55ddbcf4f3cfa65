"""Talks to the limited processes that decode pictures: a pool, restarted whenever one dies."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lorabake.core.cpus import cpu_count

SECONDS_PER_IMAGE = 10.0
MAX_PAYLOAD = 64_000_000 * 3  # bytes: the largest picture that is read, as RGB
_MAX_HEADER = 64 * 1024
_WORKER = Path(__file__).with_name("decoder_worker.py")
_PIPE_SIZE = 1024 * 1024  # bytes; the usual 64 KiB makes pixels travel in many small steps


@dataclass(frozen=True)
class Answer:
    header: dict[str, Any]
    payload: bytearray


class DecoderFailure(Exception):
    """The process died or went silent over a picture: the reason, as it reads on after its name."""


class Decoder:
    """One decoding process. Not for several threads at once: `Pool` lends it to one at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: dict[str, Any], *, seconds: float = SECONDS_PER_IMAGE) -> Answer:
        process = self._running()
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        watch = threading.Timer(seconds, give_up)
        watch.daemon = True
        watch.start()
        try:
            return _converse(process, request)
        except (OSError, ValueError, EOFError) as error:
            self.close()
            if late.is_set():
                raise DecoderFailure(
                    f"took longer than {seconds:.0f} seconds to decode, so it was left out: "
                    "save it anew as PNG, or delete it."
                ) from error
            raise DecoderFailure(
                "made the decoder crash, so it was left out: save it anew as PNG, or delete it."
            ) from error
        finally:
            watch.cancel()

    def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                if pipe:
                    pipe.close()
        process.wait()

    def forget(self) -> None:
        """After a fork: these pipes belong to the parent; only our copies of them are closed."""
        process = self._process
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    if pipe:
                        pipe.close()
            process.returncode = 0

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = _start()
        return self._process


def _start() -> subprocess.Popen[bytes]:
    # -P: neither the working folder nor core/ itself come before the installed libraries.
    process = subprocess.Popen(
        [sys.executable, "-P", str(_WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    if sys.platform == "linux" and process.stdout:
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
    return process


def _converse(process: subprocess.Popen[bytes], request: dict[str, Any]) -> Answer:
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()
    line = process.stdout.readline(_MAX_HEADER)
    if not line.endswith(b"\n"):
        raise EOFError("the decoder ended")
    header = json.loads(line)
    size = header.pop("size")
    if not isinstance(size, int) or not 0 <= size <= MAX_PAYLOAD:
        raise ValueError(f"the decoder announced {size} bytes")
    return Answer(header, _read_exactly(process.stdout, size))


def _read_exactly(pipe: IO[bytes], size: int) -> bytearray:
    payload = bytearray(size)
    room = memoryview(payload)
    while room:
        count = pipe.readinto(room)  # type: ignore[attr-defined]
        if not count:
            raise EOFError("the decoder ended")
        room = room[count:]
    return payload


class Pool:
    """As many decoders as help; any number of threads may ask."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._free = threading.Semaphore(size)
        self._guard = threading.Lock()
        self._idle: list[Decoder] = []
        self._all: list[Decoder] = []

    @contextmanager
    def lend(self) -> Iterator[Decoder]:
        with self._free:
            with self._guard:
                decoder = self._idle.pop() if self._idle else Decoder()
                if decoder not in self._all:
                    self._all.append(decoder)
            try:
                yield decoder
            finally:
                with self._guard:
                    self._idle.append(decoder)

    def widen(self, size: int) -> None:
        """More decoders, for one who needs pictures faster than usual; never fewer."""
        with self._guard:
            for _ in range(size - self.size):
                self._free.release()
            self.size = max(size, self.size)

    def close(self) -> None:
        with self._guard:
            for decoder in self._all:
                decoder.close()

    def forget(self) -> None:
        for decoder in self._all:
            decoder.forget()


def _new_pool() -> Pool:
    return Pool(max(1, min(4, cpu_count())))


_pool = _new_pool()
_left_behind: list[Pool] = []  # keeps a forked child from "collecting" its parent's processes


def decoders() -> Pool:
    """The pool of this process."""
    return _pool


def _after_fork() -> None:
    global _pool
    _left_behind.append(_pool)
    _pool.forget()
    _pool = _new_pool()


atexit.register(lambda: decoders().close())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
