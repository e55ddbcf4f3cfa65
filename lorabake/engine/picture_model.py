"""Opening a stranger's model for pictures through spandrel. Only processes that may die load this.

spandrel reads `.pth` with an unpickler that knows nine names, all of them of tensors. Two ways round
it are closed here: torch hands an archive with a TorchScript program to another loader, which runs
parts of it, and an archive can be packed a thousandfold.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

from lorabake.core.errors import DeviceError, ModelFileError
from lorabake.core.files import MIB
from lorabake.core.names import shown

MAX_UNPACKED = 4096 * MIB


def open_picture_model(path: Path, *, device: str = "cpu", wanted: str) -> Any:
    """spandrel's descriptor of the model in a `.pth` or `.safetensors`.

    wanted: what to choose instead, in words. ModelFileError says in one sentence why it cannot be.
    """
    from spandrel import ModelLoader, UnsupportedModelError

    name = shown(path.name)
    if path.suffix.lower() == ".pth":
        refuse_program(path)
    try:
        return ModelLoader(device).load_from_file(path)
    except UnsupportedModelError as error:
        raise ModelFileError(f"{name} is of a design that is not known here. {wanted}") from error
    except pickle.UnpicklingError as error:
        raise _more_than_numbers(path) from error
    except MemoryError as error:
        raise DeviceError(f"{name} needs more memory than this computer has.") from error
    except Exception as error:  # whatever a damaged file makes of it
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise ModelFileError(
            f"{name} could not be opened ({reason}). Download it again, or choose another model."
        ) from error


def refuse_program(path: Path) -> None:
    """Refuse an archive that torch would run, or that is far larger unpacked."""
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return
    from torch import _C

    try:
        # torch's own reader: another one may see other contents in an archive made for that.
        records = _C.PyTorchFileReader(str(path)).get_all_records()
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (RuntimeError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{shown(path.name)} is damaged. Download it again.") from error
    if "constants.pkl" in records:
        raise _more_than_numbers(path)
    if unpacked > MAX_UNPACKED:
        raise ModelFileError(
            f"{shown(path.name)} is made to unpack to {unpacked / 2**30:.1f} GB, so it was not "
            "opened. Choose another model."
        )


def _more_than_numbers(path: Path) -> ModelFileError:
    return ModelFileError(
        f"{shown(path.name)} holds more than numbers, so it was not opened. Get the model as "
        ".safetensors."
    )
