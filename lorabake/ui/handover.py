""" "Use this one" on the page: the form, the folders, what was written where, and taking it back."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from lorabake.core.errors import GridError, ModelFileError
from lorabake.core.names import safe_name
from lorabake.core.secrets import read_key
from lorabake.core.settings import checked, from_mapping, setting_fields
from lorabake.grid.handover import job, words
from lorabake.grid.handover.card import model_card
from lorabake.grid.handover.choice import Choice, choose
from lorabake.grid.handover.folders import folder_of, folders, remember_folder
from lorabake.grid.handover.look import lora_files
from lorabake.grid.handover.settings import (
    NO_TOKEN,
    HandoverSettings,
    parse_keep,
    parse_merge,
)
from lorabake.ui.answers import answered, text
from lorabake.ui.form import to_widget
from lorabake.ui.place import place
from lorabake.ui.uploads import batch_folder
from lorabake.ui.words import plural

MAX_PATH = 1000  # characters of a folder that is typed
REPO = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)
LONG = ("notes", "negative", "trigger")
CHOICES = {"keep": "keep them", "trim": "leave them out"}


@answered("own")
def lb_handover(data: dict[str, Any]) -> dict[str, Any]:
    """{project, run, grid, picture, epoch, weight} → the form as it begins, and the folders to choose from."""
    suggested = _choice(data).suggested()
    return {
        "fields": [
            {
                "name": spec.name,
                "label": spec.label,
                "help": spec.help,
                "type": spec.type,
                "choices": [[str(c), CHOICES.get(str(c), str(c))] for c in spec.choices],
                "more": spec.more,
                "long": spec.name in LONG,
                "longest": spec.longest,
                "value": str(to_widget(spec, getattr(suggested, spec.name))),
            }
            for spec in setting_fields(HandoverSettings)
        ],
        **_folders(),
    }


@answered("own")
def lb_handover_folder(data: dict[str, Any]) -> dict[str, Any]:
    """Offer a folder whose path was typed, first of all."""
    typed = text(data, "path", limit=MAX_PATH).strip()
    if not typed:
        raise GridError("Give the full path of the folder in which your web UI looks for LoRAs.")
    remember_folder(place().workspace, Path(typed))
    return _folders()


@answered("own")
def lb_handover_words(data: dict[str, Any]) -> dict[str, Any]:
    """The prompt to paste, and the draft of the model's page, for what the form says now."""
    choice, settings = _choice(data), _settings(data)
    return {"prompt": words.prompt(choice, settings), "card": model_card(choice, settings)}


@answered("own")
def lb_hand_over(data: dict[str, Any]) -> dict[str, Any]:
    """Begin to write the files into the chosen folder, which is offered first from now on."""
    choice, settings = _choice(data), _settings(data)
    parse_keep(settings.resize)
    epochs = [one.epoch for one in choice.run.checkpoints() if one.epoch != choice.epoch]
    parse_merge(settings.merge_with, epochs)
    folder = folder_of(place().workspace, text(data, "folder", limit=MAX_PATH))
    remember_folder(place().workspace, folder)
    project = place().project(data.get("project"))
    run = job.start(place().workspace, project, job.Asked(choice, settings, folder))
    return {"job": run.name}


@answered("own")
def lb_handover_upload(data: dict[str, Any]) -> dict[str, Any]:
    """Begin to bring the files and the model card to Hugging Face. repo: OWNER/NAME."""
    choice, settings = _choice(data), _settings(data)
    repo = text(data, "repo", limit=200).strip()
    if not REPO.fullmatch(repo):
        raise GridError("Write where it goes as OWNER/NAME, with your name on Hugging Face first.")
    if read_key("huggingface") is None:
        raise GridError(NO_TOKEN)
    project = place().project(data.get("project"))
    asked = job.Asked(
        choice, settings, Path(), upload=repo, private=data.get("private") is not False
    )
    return {"job": job.start(place().workspace, project, asked).name}


@answered("own")
def lb_handover_state(data: dict[str, Any]) -> dict[str, Any]:
    """How the writing or uploading stands: {state, text, files, folder, url, said, can_undo}."""
    project = place().project(data.get("project"))
    found = job.read_state(project, text(data, "job", limit=200))
    files = [Path(path) for path in found.result.get("files", [])]
    return {
        "state": found.state,
        "text": found.text,
        "files": [path.name for path in files] or list(found.result.get("names", [])),
        "url": str(found.result.get("url", "")),
        "folder": str(files[0].parent) if files else "",
        "said": list(found.result.get("said", [])),
        "can_undo": found.state == "finished" and any(one.new for one in found.placed),
    }


@answered("own")
def lb_handover_undo(data: dict[str, Any]) -> dict[str, Any]:
    """Move what was written into the project's trash."""
    project = place().project(data.get("project"))
    gone = job.undo(project, text(data, "job", limit=200))
    return {
        "said": f"Moved {plural(len(gone), 'file')} to the project's trash."
        if gone
        else "Nothing was moved: the files were changed or moved since."
    }


@answered("own")
def lb_lora_files(data: dict[str, Any]) -> dict[str, Any]:
    """The LoRAs where web UIs look, to choose one to look into."""
    place().project(data.get("project"))
    return {"files": [[str(path), label] for path, label in lora_files(place().workspace)]}


@answered("own")
def lb_look_into(data: dict[str, Any]) -> dict[str, Any]:
    """Begin to look into a file of the list, or into one that was uploaded (batch)."""
    project = place().project(data.get("project"))
    batch = text(data, "batch", limit=60)
    if batch:
        here = sorted(batch_folder(batch).glob("*.safetensors"))
    else:
        wanted = text(data, "file", limit=MAX_PATH)
        here = [path for path, _ in lora_files(place().workspace) if str(path) == wanted]
    if not here:
        raise ModelFileError("This LoRA is no longer there. Choose a .safetensors file.")
    return {"job": job.start_look(project, here[0]).name}


@answered("own")
def lb_looked_into(data: dict[str, Any]) -> dict[str, Any]:
    """{state, text, name, facts, tags, more_tags, warnings}; an uploaded file goes when it is over."""
    project = place().project(data.get("project"))
    found = job.read_state(project, text(data, "job", limit=200))
    if found.is_over and (batch := text(data, "batch", limit=60)):
        shutil.rmtree(batch_folder(batch), ignore_errors=True)
    told = {
        key: found.result.get(key) for key in ("name", "facts", "tags", "more_tags", "warnings")
    }
    return {"state": found.state, "text": found.text, **told}


CALLS = (
    lb_handover,
    lb_handover_folder,
    lb_handover_words,
    lb_hand_over,
    lb_handover_upload,
    lb_handover_state,
    lb_handover_undo,
    lb_lora_files,
    lb_look_into,
    lb_looked_into,
)


def _choice(data: dict[str, Any]) -> Choice:
    project = place().project(data.get("project"))
    run = project.run(text(data, "run", limit=200))
    epoch, weight = data.get("epoch"), data.get("weight")
    if type(epoch) is not int or isinstance(weight, bool) or not isinstance(weight, int | float):
        raise GridError("Choose a picture of the grid first.")
    grid, picture = text(data, "grid", limit=200), text(data, "picture", limit=300)
    return choose(run, epoch, float(weight), grid, picture)


def _settings(data: dict[str, Any]) -> HandoverSettings:
    values = data.get("request")
    values = values if isinstance(values, dict) else {}
    specs = {spec.name: spec for spec in setting_fields(HandoverSettings)}
    told = {name: checked(specs[name], value) for name, value in values.items() if name in specs}
    settings = from_mapping(HandoverSettings, told)
    safe_name(settings.name)
    if not settings.weight:
        raise GridError("The weight is 0, at which the LoRA does nothing. Choose another.")
    return settings


def _folders() -> dict[str, Any]:
    found = folders(place().workspace)
    return {"folders": [[str(one.path), f"{one.label} · {one.path}"] for one in found]}
