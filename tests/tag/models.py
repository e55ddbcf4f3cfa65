"""Tiny taggers: real ONNX files that say of what colour a picture is."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

# name, category, how its probability follows from the means of (B, G, R), 0 to 255, and a bias
COLOURS = (
    ("general", 9, (0, 0, 0), 1.0),
    ("sensitive", 9, (0, 0, 0), 0.0),
    ("questionable", 9, (0, 0, 0), -1.0),
    ("explicit", 9, (0, 0, 0.04), -8.0),
    ("red_theme", 0, (0, 0, 0.04), -5.0),
    ("green_theme", 0, (0, 0.04, 0), -5.0),
    ("blue_theme", 0, (0.04, 0, 0), -5.0),
    ("^_^", 0, (0, 0, 0), 0.4),
    ("smile_(object)", 0, (0, 0, 0), -0.3),
    ("kafka_(honkai:_star_rail)", 4, (0.04, 0, 0), -7.0),
    ("never_sure", 0, (0, 0, 0), -3.0),
)
Row = tuple[str, int, tuple[float, float, float], float]


def write_tagger(
    folder: Path,
    *,
    rows: Sequence[Row] = COLOURS,
    side: int = 32,
    batch: int | str = "batch",
    model: str = "model.onnx",
    tags: str = "selected_tags.csv",
    sigmoid: bool = True,
    channels_first: bool = False,
    labels: Sequence[Row] | None = None,
) -> Path:
    """A model with its list. labels: of the list, where they are to differ from the model's."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = [batch, 3, side, side] if channels_first else [batch, side, side, 3]
    axes = [2, 3] if channels_first else [1, 2]
    weights = np.array([row[2] for row in rows], dtype=np.float32).T
    bias = np.array([row[3] for row in rows], dtype=np.float32)
    last = "output" if sigmoid else "unused"
    nodes = [
        helper.make_node("ReduceMean", ["input", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logits" if sigmoid else "output"]),
        *([helper.make_node("Sigmoid", ["logits"], [last])] if sigmoid else []),
    ]
    graph = helper.make_graph(
        nodes,
        "tagger",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, len(rows)])],
        [
            numpy_helper.from_array(np.array(axes, dtype=np.int64), "axes"),
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(bias, "bias"),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(made, folder / model)
    write_list(folder / tags, labels or rows)
    return folder


def write_list(path: Path, rows: Sequence[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(("tag_id", "name", "category", "count"))
        lines.writerows((1000 + n, row[0], row[1], 9) for n, row in enumerate(rows))
    return path


def write_picture(
    path: Path, colour: tuple[int, int, int], caption: str | None = None, *, side: int = 24
) -> Path:
    """One colour in each; the last pixel makes every file different in its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (side, side), colour)
    picture.putpixel((0, 0), (len(path.name), sum(path.name.encode()) % 256, 7))
    picture.save(path)
    if caption is not None:
        path.with_suffix(".txt").write_bytes(caption.encode())
    return path
