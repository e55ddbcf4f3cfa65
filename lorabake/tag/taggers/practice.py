"""The tagger that comes with the program: it knows the drawings of the practice oven, little else."""

from __future__ import annotations

from pathlib import Path

from lorabake.core.workspace import Workspace
from lorabake.tag.taggers.session import open_onnx
from lorabake.tag.taggers.tagger import TaggerFiles, TaggerKind

FOLDER = Path(__file__).resolve().parents[2] / "practice" / "tagger"


def _find(_workspace: Workspace) -> TaggerFiles | None:
    model, tags = FOLDER / "model.onnx", FOLDER / "selected_tags.csv"
    here = model.is_file() and tags.is_file()
    return TaggerFiles("practice", model, tags, "lorabake") if here else None


ENTRY = TaggerKind(
    name="practice",
    label="Practice tagger",
    help="Comes with lorabake, for its sample project: it only knows those drawings.",
    find=_find,
    open=open_onnx,
)
