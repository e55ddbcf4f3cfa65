"""Downloading a model: asked for, fetched, checked to the last bit, looked into, put in its place."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lorabake.core.errors import JobError, ModelFileError, NetworkError
from lorabake.core.fetch import Progress, check, fetch, forget
from lorabake.core.files import replace, sync_folder
from lorabake.core.http import HttpRefused, Key, Web
from lorabake.core.lock import FileLock
from lorabake.core.names import shown
from lorabake.core.secrets import Secret, read_key
from lorabake.core.workspace import Workspace, inside
from lorabake.engine.base_hash import remember_hash
from lorabake.engine.identify import identify
from lorabake.engine.shelf.find import hash_of, remembered_models
from lorabake.engine.shelf.sources import Offer, Spec, civitai_problem, offers

_REPORT = 0.5  # seconds between two reports


def download(
    workspace: Workspace,
    spec: Spec,
    *,
    on_progress: Progress = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
    token: Secret | None = None,
    web: Web | None = None,
) -> Path:
    """Bring a model into the models folder and return its file (or folder, for a tagger).

    What an earlier call left is gone on with. A file of the same content that is already on the
    shelf is returned instead of a copy. token: the user's key; by default the one that is kept.
    Raises ModelFileError, NetworkError, DiskFull or Stopped; never leaves half a model in its place.
    """
    key = token or read_key(spec.source) or _usual_token(spec.source)
    web = web or Web(should_stop=should_stop)
    offered = offers(web, spec, key)
    folder = workspace.models_dir
    if spec.folder:
        folder = inside(folder, spec.folder)
        folder.mkdir(parents=True, exist_ok=True)
    path = folder
    for offer in offered:
        already = None if spec.folder else _already_here(workspace, offer)
        path = already or _bring(workspace, spec, offer, folder, web, key, on_progress)
    return folder if spec.folder else path


def _bring(
    workspace: Workspace,
    spec: Spec,
    offer: Offer,
    folder: Path,
    web: Web,
    key: Secret | None,
    on_progress: Progress,
) -> Path:
    target = inside(folder, offer.name)
    if target.exists():
        return _same_or_refuse(target, offer)
    part = part_of(target)
    with _alone(workspace, target):
        _fetch_into(part, spec, offer, web, key, on_progress)
        replace(part, target)
        sync_folder(folder)
    if offer.wanted.sha256:
        remember_hash(target, offer.wanted.sha256, workspace.cache_dir)
    return target


@contextmanager
def _alone(workspace: Workspace, target: Path) -> Iterator[None]:
    """One download at a time into one place, also when two sources call their files alike."""
    digits = hashlib.sha256(os.fsencode(target)).hexdigest()[:16]
    lock = FileLock(workspace.cache_dir / f"download-{digits}.lock")
    if not lock.acquire(timeout=1.0):
        raise JobError(f"{shown(target.name)} is being downloaded already. Wait until it is there.")
    try:
        yield
    finally:
        lock.release()


def _fetch_into(
    part: Path, spec: Spec, offer: Offer, web: Web, key: Secret | None, on_progress: Progress
) -> None:
    """The whole file, checked and looked into, at `part`."""
    try:
        fetch(
            web,
            offer.wanted,
            part,
            key=Key(key) if key else None,
            on_progress=_calm(on_progress),
        )
    except HttpRefused as refused:
        raise (civitai_problem(refused) if spec.source == "civitai" else refused) from None
    try:
        _refuse_other(part, spec, offer)
    except ModelFileError as error:
        forget(part)
        raise ModelFileError(
            f"{str(error).replace(part.name, offer.name)} It was removed again."
        ) from None


def part_of(target: Path) -> Path:
    """Where a download grows: hidden, beside its place, with an ending that nothing loads."""
    return target.with_name(f".{target.name}.part")


def _same_or_refuse(target: Path, offer: Offer) -> Path:
    try:
        check(target, offer.wanted)
    except NetworkError:
        raise ModelFileError(
            f"There is already another {shown(offer.name)} in {target.parent}. "
            "Rename or delete that one first."
        ) from None
    return target


def _already_here(workspace: Workspace, offer: Offer) -> Path | None:
    """A file on the shelf, in whatever program's folder, that is this one to the last bit."""
    wanted = offer.wanted
    if wanted.sha256 is None:
        return None
    for model in remembered_models(workspace, kinds=offer.kinds):
        likely = model.sha256 == wanted.sha256 if model.sha256 else model.size == wanted.size
        if likely and model.path.is_file() and hash_of(workspace, model) == wanted.sha256:
            return model.path
    return None


def _refuse_other(part: Path, spec: Spec, offer: Offer) -> None:
    """Look into what came, with the same eyes as for any file of a stranger."""
    if offer.name.endswith(".csv"):
        with part.open("rb") as file:
            if not file.read(16).lstrip(b"\xef\xbb\xbf").startswith(b"tag_id,"):
                raise ModelFileError(f"{offer.name} is not a list of tags.")
        return
    if offer.name.endswith(".onnx"):
        with part.open("rb") as file:
            if file.read(1) != b"\x08":  # ir_version, the first field of every ONNX model
                raise ModelFileError(f"{offer.name} is not an ONNX model.")
        return
    info = identify(part)
    if info.kind not in offer.kinds:
        wanted = " or ".join(offer.kinds)
        raise ModelFileError(f"{offer.name} is something else: {info.label} instead of {wanted}.")
    if spec.family and info.family != spec.family:
        raise ModelFileError(f"{offer.name} is not what its name says, but: {info.label}.")


def _usual_token(source: str) -> Secret | None:
    """The key that the user has given to Hugging Face's own tools."""
    if source != "huggingface":
        return None
    from huggingface_hub import get_token

    token = get_token()
    return Secret(token) if token else None


def _calm(report: Progress) -> Progress:
    """At most two reports a second, the last one certainly."""
    last = 0.0

    def calmly(done: int, total: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= _REPORT:
            last = now
            report(done, total)

    return calmly
