"""A tagger as an ONNX file, by onnxruntime: opened, checked against its list, and run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorabake.core.errors import DeviceError, ModelFileError
from lorabake.core.files import MIB, sha256_of
from lorabake.core.names import shown
from lorabake.core.workspace import Workspace
from lorabake.engine.base_hash import known_hash, remember_hash
from lorabake.tag.labels import Label, read_labels
from lorabake.tag.taggers.devices import LABELS, PROVIDERS, prepare_libraries, providers
from lorabake.tag.taggers.tagger import TaggerFiles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDES = (32, 2048)  # px
_TOLERANCE = 1e-3  # above 1, by which a sigmoid in half precision may be off
_QUICK = 32 * MIB  # bytes of a file that is hashed in a moment
_SEVERE = 3  # onnxruntime's logs: errors only


@dataclass(frozen=True)
class OnnxTagger:
    """A WD tagger; see taggers/tagger.py."""

    name: str
    key: str
    labels: tuple[Label, ...]
    size: int
    batch: int | None
    provider: str
    session: Any
    inputs: str
    outputs: str

    def run(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, size, size, 3) BGR 0 to 255 → (B, labels) probabilities, for any B."""
        import numpy as np

        if self.batch is None or len(pictures) == self.batch:
            return self._checked(self._run(pictures))
        found = []
        for start in range(0, len(pictures), self.batch):
            some = pictures[start : start + self.batch]
            missing = self.batch - len(some)
            filled = np.concatenate([some, np.repeat(some[-1:], missing, axis=0)])
            found.append(self._run(filled)[: len(some)])
        return self._checked(np.concatenate(found))

    def _run(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        import numpy as np

        try:
            (found,) = self.session.run([self.outputs], {self.inputs: pictures})
        except Exception as error:  # onnxruntime's own classes, one for each kind of failure
            raise DeviceError(_failed(self.name, len(pictures), error)) from error
        return np.asarray(found, dtype=np.float32)

    def _checked(self, found: NDArray[np.float32]) -> NDArray[np.float32]:
        """A tagger that gives no probabilities would write nonsense into every caption."""
        fits = found.ndim == 2 and found.shape[1] == len(self.labels)
        # Written so that NaN does not fit.
        if not (fits and bool((found >= -_TOLERANCE).all() and (found <= 1 + _TOLERANCE).all())):
            raise ModelFileError(
                f"{self.name} gives something else than probabilities for its "
                f"{len(self.labels)} tags, so it cannot be used. Take a WD tagger's ONNX file."
            )
        return found.clip(0.0, 1.0)


def open_onnx(workspace: Workspace, files: TaggerFiles, device: str = "auto") -> OnnxTagger:
    """Open a model and its list; ModelFileError when they do not fit each other, or are not a tagger."""
    labels = read_labels(files.tags)
    session = _session(files.model, device)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    size, batch = _picture_shape(files, inputs)
    _refuse_misfit(files, outputs, labels)
    used = session.get_providers()[0]
    return OnnxTagger(
        name=files.name,
        key=key_of(workspace, files),
        labels=labels,
        size=size,
        batch=batch,
        provider=LABELS.get(used, used),
        session=session,
        inputs=inputs[0].name,
        outputs=outputs[0].name,
    )


def key_of(workspace: Workspace, files: TaggerFiles) -> str:
    """What its probabilities are known by: the contents of both files. Quick once it was asked."""
    model = known_hash(files.model, workspace.cache_dir)
    if model is None:
        model = sha256_of(files.model)
        remember_hash(files.model, model, workspace.cache_dir)
    return _key(model, files)


def known_key_of(workspace: Workspace, files: TaggerFiles) -> str | None:
    """The same, always quick: None for a large file that was never opened here."""
    if files.model.stat().st_size <= _QUICK:
        return key_of(workspace, files)
    model = known_hash(files.model, workspace.cache_dir)
    return _key(model, files) if model else None


def _key(model: str, files: TaggerFiles) -> str:
    return hashlib.sha256(f"{model}{sha256_of(files.tags)}".encode()).hexdigest()[:32]


def _session(model: Path, device: str) -> Any:
    import onnxruntime

    wanted = providers(device)
    prepare_libraries(wanted)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _SEVERE
    if PROVIDERS["directml"] in wanted:  # which allows nothing else
        options.enable_mem_pattern = False
    for names in (wanted, [PROVIDERS["cpu"]]):
        try:
            return onnxruntime.InferenceSession(model, options, providers=names)
        except Exception as error:
            if names == [PROVIDERS["cpu"]]:
                raise ModelFileError(
                    f"{shown(model.name)} cannot be opened as an ONNX model. It may be cut off: "
                    "download it again."
                ) from error
    raise AssertionError


def _picture_shape(files: TaggerFiles, inputs: Any) -> tuple[int, int | None]:
    """(px a side, pictures at once or None for any number) of the one input: (B, H, W, 3)."""
    shape = inputs[0].shape if len(inputs) == 1 else []
    batch, height, width, colours = shape if len(shape) == 4 else (0, 0, 1, 0)
    square = isinstance(height, int) and height == width and SIDES[0] <= height <= SIDES[1]
    if not square or colours != 3 or inputs[0].type != "tensor(float)":
        raise ModelFileError(
            f"{files.name} does not take pictures the way WD taggers do (square, colours last), so "
            "it cannot be used. Choose another tagger."
        )
    return height, batch if isinstance(batch, int) and batch > 0 else None


def _refuse_misfit(files: TaggerFiles, outputs: Any, labels: tuple[Label, ...]) -> None:
    shape = outputs[0].shape if len(outputs) >= 1 else []
    count = shape[-1] if len(shape) == 2 else None
    if len(outputs) != 1 or (isinstance(count, int) and count != len(labels)) or len(shape) != 2:
        gives = f"{count} probabilities" if isinstance(count, int) else "something else"
        raise ModelFileError(
            f"{files.name} gives {gives} for a picture and its list has {len(labels)} tags. "
            "Take both files from the same place."
        )


def _failed(name: str, count: int, error: Exception) -> str:
    text = str(error).lower()
    if "memory" in text or "alloc" in text:
        return (
            f"There is not enough memory for {count} pictures at once with {name}. "
            "Choose fewer pictures at once, or a smaller tagger."
        )
    return f"{name} could not be run on this computer. Choose another tagger, or the device cpu."
