"""The errors a user may see.

    LorabakeError
    ├── WorkspaceError        projects, names, folders
    │   ├── BadName           a name that cannot be a file name everywhere
    │   └── DiskFull          nothing was half-written; says how much to free
    ├── ImageError            one picture that cannot be read
    ├── DatasetError          a folder that cannot be trained on as it is
    ├── RecipeError           a setting, preset or TOML file
    ├── ModelFileError        a checkpoint, VAE or LoRA file
    ├── DeviceError           graphics card, memory, missing optional library
    ├── NetworkError          a site that was not reached, refused, or sent something else
    ├── JobError              the queue and its processes
    ├── TrainingError         a bake that cannot go on
    ├── GridError             a grid that cannot be rendered
    └── Stopped               the user asked for it; not a failure

Each message is one or two sentences: what happened, to which file or field, what to do.
Anything else that escapes is a bug and is shown as one.
"""

from __future__ import annotations


class LorabakeError(Exception):
    """What happened and what to do, in the words on the screen."""

    exit_code = 1

    def __init__(self, *told: object) -> None:
        # What a stranger wrote may stand in it, and half a letter can be neither printed nor sent.
        super().__init__(*(_whole(one) if isinstance(one, str) else one for one in told))


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


class WorkspaceError(LorabakeError):
    """Projects, names and folders."""


class BadName(WorkspaceError):
    """A name that cannot be used for a file or folder on every system."""


class DiskFull(WorkspaceError):
    """The disk or quota has no room; nothing was half-written."""


class ImageError(LorabakeError):
    """One picture that cannot be read, with the reason."""


class DatasetError(LorabakeError):
    """A folder of images and captions that cannot be trained on as it is."""


class RecipeError(LorabakeError):
    """A setting, a preset or a settings file."""


class ModelFileError(LorabakeError):
    """A checkpoint, VAE or LoRA file that is not what is needed."""


class DeviceError(LorabakeError):
    """The graphics card, its memory, or an optional library it needs."""


class NetworkError(LorabakeError):
    """A site was not reached, refused, or sent something else; never holds a key or a query."""


class JobError(LorabakeError):
    """The queue and the processes in it."""


class TrainingError(LorabakeError):
    """A bake that cannot go on."""


class GridError(LorabakeError):
    """A grid that cannot be rendered."""


class Stopped(LorabakeError):
    """The user asked the job to stop; what was done is kept."""

    exit_code = 130
