"""What the model shelf asks and tells: what was found where, known models, downloads, keys."""

from __future__ import annotations

import logging
import threading
from typing import Any

from lorabake.core.errors import LorabakeError, ModelFileError
from lorabake.core.limits import limits
from lorabake.core.secrets import SERVICES, read_key, write_key
from lorabake.engine.families.family import FAMILIES
from lorabake.engine.shelf import (
    KNOWN,
    KnownModel,
    ShelfModel,
    find_models,
    remembered_models,
)
from lorabake.engine.shelf.jobs import (
    DownloadView,
    downloads,
    forget_download,
    resume_download,
    start_download,
    stop_download,
)
from lorabake.ui.answers import answered, text
from lorabake.ui.place import Place, beside, of_place, place
from lorabake.ui.recipes import size_text
from lorabake.ui.roles import who

logger = logging.getLogger(__name__)

MAX_SHOWN = 1000
KINDS = {"checkpoint": "base model", "vae": "VAE", "refused": "cannot be used"}


class Look:
    """One look through the disk at a time, beside the page; a person's disks may take a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.seen: Place | None = None  # whose models were looked for since the start
        self.problem = ""

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def begin(self, *, refresh: bool) -> None:
        with self._lock:
            if self.running:
                return
            self.seen, self.problem = place(), ""
            self._thread = beside(self._work, place(), refresh, name="look-for-models")
            self._thread.start()

    def _work(self, where: Place, refresh: bool) -> None:
        try:
            find_models(where.workspace, refresh=refresh)
        except LorabakeError as error:
            self.problem = str(error)
        except Exception:
            logger.exception("looking for models failed")
            self.problem = "Looking for models failed. The window of lorabake shows the details."


look = of_place(Look)


@answered("look")
def lb_shelf(_: dict[str, Any]) -> dict[str, Any]:
    """The whole shelf as it was seen last; the first question since the start begins a look."""
    workspace = place().workspace
    if look.seen is not place() and limits().models is None:
        look.begin(refresh=False)
    models = remembered_models(workspace)
    fetched = downloads(workspace)
    owner = who().is_owner  # where things lie, and which keys there are, is nobody else's business
    return {
        "looking": look.running,
        "problem": look.problem,
        "folder": str(workspace.models_dir) if owner else "",
        "models": [model_row(model) for model in models[:MAX_SHOWN]],
        "more": max(0, len(models) - MAX_SHOWN),
        "known": [known_row(model, models) for model in KNOWN],
        "downloads": [download_row(view) for view in fetched],
        "keys": {service: read_key(service) is not None for service in SERVICES} if owner else {},
        "services": SERVICES if owner else {},
    }


@answered("own")
def lb_look(data: dict[str, Any]) -> dict[str, Any]:
    """Look for models again; `refresh` looks into files that have not changed, too."""
    look.begin(refresh=data.get("refresh") is True)
    return {}


@answered("own")
def lb_download(data: dict[str, Any]) -> dict[str, Any]:
    """Begin a download: a known name, `hf:owner/repository/file` or `civitai:number`."""
    wanted = spec_text(text(data, "spec", limit=500))
    return {"name": start_download(place().workspace, wanted).name}


@answered("own")
def lb_download_stop(data: dict[str, Any]) -> dict[str, Any]:
    stop_download(place().workspace, text(data, "name", limit=200))
    return {}


@answered("own")
def lb_download_resume(data: dict[str, Any]) -> dict[str, Any]:
    resume_download(place().workspace, text(data, "name", limit=200))
    return {}


@answered("own")
def lb_download_forget(data: dict[str, Any]) -> dict[str, Any]:
    """Take an ended download off the list; what it brought stays."""
    forget_download(place().workspace, text(data, "name", limit=200))
    return {}


@answered("own")
def lb_key(data: dict[str, Any]) -> dict[str, Any]:
    """Remember a key, or forget it when it is empty. It is never sent back."""
    service = text(data, "service", limit=40)
    write_key(service, text(data, "key", limit=2000))
    return {"known": read_key(service) is not None}


CALLS = (
    lb_shelf,
    lb_look,
    lb_download,
    lb_download_stop,
    lb_download_resume,
    lb_download_forget,
    lb_key,
)


def spec_text(typed: str) -> str:
    """What a person copies from a browser as the shelf asks for it: an address, a number, a path."""
    wanted = typed.strip()
    if not wanted:
        raise ModelFileError("Enter a file of Hugging Face or the number of a Civitai version.")
    if wanted.isascii() and wanted.isdecimal():
        return f"civitai:{wanted}"
    bare = wanted.removeprefix("https://").removeprefix("www.")
    if bare.startswith("huggingface.co/"):
        return _hub_spec(bare.removeprefix("huggingface.co/").partition("?")[0])
    if bare.startswith("civitai.com/"):
        number = bare.partition("modelVersionId=")[2].partition("&")[0]
        if bare.startswith("civitai.com/api/download/models/"):
            number = bare.rpartition("/")[2].partition("?")[0]
        if not number:
            raise ModelFileError(
                "This address names no version. Choose the version on its page first; then "
                "modelVersionId= stands in the address."
            )
        return f"civitai:{number}"
    named = ":" in wanted or wanted in {model.name for model in KNOWN}
    return f"hf:{wanted}" if wanted.count("/") >= 2 and not named else wanted


def _hub_spec(path: str) -> str:
    """owner/repository/blob/main/file → hf:owner/repository/file@main."""
    parts = path.split("/")
    if len(parts) >= 5 and parts[2] in ("blob", "resolve"):
        revision = "" if parts[3] == "main" else f"@{parts[3]}"
        return f"hf:{'/'.join([*parts[:2], *parts[4:]])}{revision}"
    raise ModelFileError(
        "This is the address of a page, not of a file. Open Files there, and copy the file's address."
    )


def model_row(model: ShelfModel) -> dict[str, Any]:
    predicts = {"v": "velocity (v)", "epsilon": "noise"}.get(model.prediction or "", "")
    return {
        "name": model.name,
        "kind": KINDS.get(model.kind, model.kind),
        "usable": model.kind != "refused" and not model.problem,
        "family": family_label(model.family),
        "predicts": predicts + (", zero terminal SNR" if model.zero_terminal_snr else ""),
        "size": size_text(model.mib),
        "dtype": model.dtype,
        "where": model.where,
        "path": str(model.path) if who().is_owner else "",
        "hash": model.short_hash or "",
        "problem": model.problem,
    }


def known_row(model: KnownModel, found: list[ShelfModel]) -> dict[str, Any]:
    here = {one.path.name for one in found} | {one.name for one in found}
    names = {model.save_as, *(file.rpartition("/")[2] for file in model.files)} - {""}
    return {
        "name": model.name,
        "title": model.title,
        "kind": KINDS.get(model.kind, model.kind),
        "family": family_label(model.family),
        "help": model.help,
        "licence": model.licence,
        "page": model.page,
        "size": size_text(model.mib) if model.mib else "",
        "can": model.can_download,
        "here": bool(names & here) if model.kind != "tagger" else model.save_as in here,
    }


def download_row(view: DownloadView) -> dict[str, Any]:
    return {
        "name": view.name,
        "spec": view.spec,
        "done": view.done_mib,
        "total": view.total_mib,
        "state": view.state,
        "error": view.error,
        "file": view.file,
        "resume": view.can_resume,
    }


def family_label(name: str | None) -> str:
    return FAMILIES[name].label if name and name in FAMILIES else (name or "").upper()
