"""A tagger's pictures a second beside bare onnxruntime with the same model and the same batch.

`python -m tests.bench.tagging [PICTURES] [BATCH]`. The model has the shape and the weight of
wd-vit-tagger-v3 (a ViT-Base with patches of 16 px, 448 px a side, 10,861 tags) with random numbers in
it: onnxruntime does not care what they are. The pictures are PNGs of the size that boards have.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from lorabake.core.files import sha256_of
from lorabake.core.workspace import Workspace
from lorabake.tag.pixels import batch_of, prepare
from lorabake.tag.scoring import score_pictures, usual_batch
from lorabake.tag.taggers import load_tagger
from tests.tag.models import write_list

SIDE, PATCH, WIDTH, LAYERS, HEADS, LABELS = 448, 16, 768, 12, 12, 10_861
PICTURES, ROUNDS = 16, 5
SIZES = ((1000, 1400), (1200, 900), (832, 1216), (1536, 2048))  # px


def write_vit(
    folder: Path,
    *,
    side: int = SIDE,
    width: int = WIDTH,
    layers: int = LAYERS,
    labels: int = LABELS,
) -> Path:
    """A vision transformer in the WD taggers' interface, with random weights."""
    folder.mkdir(parents=True, exist_ok=True)
    graph = _Graph(np.random.default_rng(0))
    tokens = (side // PATCH) ** 2
    x = graph.node("Transpose", "input", perm=[0, 3, 1, 2])
    x = graph.node("Mul", x, graph.constant(np.float32(1 / 127.5)))
    kernel = graph.weight(width, 3, PATCH, PATCH)
    x = graph.node("Conv", x, kernel, strides=[PATCH, PATCH])
    x = graph.node("Reshape", x, graph.constant(np.array([0, width, tokens])))
    x = graph.node("Transpose", x, perm=[0, 2, 1])
    x = graph.node("Add", x, graph.weight(1, tokens, width))
    for _ in range(layers):
        x = graph.node("Add", x, graph.attention(graph.norm(x, width), width, tokens))
        x = graph.node("Add", x, graph.mlp(graph.norm(x, width), width))
    x = graph.node("ReduceMean", graph.norm(x, width), graph.constant(np.array([1])), keepdims=0)
    x = graph.node("Sigmoid", graph.linear(x, width, labels), name="output")
    shape = ["batch", side, side, 3]
    made = helper.make_graph(
        graph.nodes,
        "vit",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, ["batch", labels])],
        graph.weights,
    )
    opset = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(made, opset_imports=opset, ir_version=10), folder / "model.onnx")
    write_list(
        folder / "selected_tags.csv",
        [(f"tag_{n}", 9 if n < 4 else 0, (0, 0, 0), 0.0) for n in range(labels)],
    )
    return folder


class _Graph:
    """Nodes and weights, under names of their own."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._generator = generator

    def node(self, kind: str, *inputs: str, name: str = "", **options: object) -> str:
        output = name or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **options))
        return output

    def constant(self, value: np.ndarray | np.generic) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, *shape: int) -> str:
        return self.constant(self._generator.normal(0, 0.02, shape).astype(np.float32))

    def linear(self, x: str, width: int, to: int) -> str:
        return self.node("Add", self.node("MatMul", x, self.weight(width, to)), self.weight(to))

    def norm(self, x: str, width: int) -> str:
        scale = self.constant(np.ones(width, dtype=np.float32))
        return self.node("LayerNormalization", x, scale, self.weight(width))

    def mlp(self, x: str, width: int) -> str:
        return self.linear(self.node("Gelu", self.linear(x, width, 4 * width)), 4 * width, width)

    def attention(self, x: str, width: int, tokens: int) -> str:
        size = width // HEADS
        split = self.constant(np.array([0, tokens, HEADS, size]))
        q, k, v = (self.node("Reshape", self.linear(x, width, width), split) for _ in range(3))
        q, v = (self.node("Transpose", one, perm=[0, 2, 1, 3]) for one in (q, v))
        k = self.node("Transpose", k, perm=[0, 2, 3, 1])
        near = self.node("Mul", self.node("MatMul", q, k), self.constant(np.float32(size**-0.5)))
        mixed = self.node("MatMul", self.node("Softmax", near, axis=-1), v)
        mixed = self.node("Transpose", mixed, perm=[0, 2, 1, 3])
        joined = self.node("Reshape", mixed, self.constant(np.array([0, tokens, width])))
        return self.linear(joined, width, width)


def write_pictures(folder: Path, count: int, start: int = 0) -> list[tuple[str, Path]]:
    """(sha256, path) of PNGs that cost about what drawings cost: flat areas, soft shades, some noise."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number in range(start, start + count):
        generator = np.random.default_rng(number)
        width, height = SIZES[number % len(SIZES)]
        small = generator.integers(0, 256, (height // 64, width // 64, 3), dtype=np.uint8)
        shades = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
        pixels = np.asarray(shades) // 8 * 8
        lines = generator.random((height, width, 1)) < 0.02
        path = folder / f"{number}.png"
        Image.fromarray(np.where(lines, 0, pixels).astype(np.uint8)).save(path)
        written.append((sha256_of(path), path))
    return written


def throughput(
    folder: Path,
    *,
    pictures: int = PICTURES,
    batch: int = 0,
    rounds: int = ROUNDS,
    layers: int = LAYERS,
    width: int = WIDTH,
    side: int = SIDE,
) -> tuple[float, float]:
    """Pictures a second (ours with decoding and keeping, bare onnxruntime on ready pixels).

    The rounds take turns, and the ratio of each pair counts, so that another program on the
    computer disturbs both alike; of the pairs, the middle one is given.
    """
    workspace = Workspace.open(folder / "workspace")
    model = write_vit(workspace.models_dir / "vit", side=side, width=width, layers=layers)
    tagger = load_tagger(workspace, model)
    size = batch or usual_batch(tagger)
    pictures = -(-pictures // size) * size  # whole batches
    warm = write_pictures(folder / "warm", size, start=10_000)
    score_pictures(tagger, warm, workspace.index, batch_size=size)
    ready = batch_of([prepare(path, tagger.size) for _, path in warm])
    pairs = []
    for number in range(rounds):
        some = write_pictures(folder / "pictures", pictures, start=number * pictures)
        began = time.perf_counter()
        score_pictures(tagger, some, workspace.index, batch_size=size)
        middle = time.perf_counter()
        for _ in range(pictures // size):
            tagger.session.run([tagger.outputs], {tagger.inputs: ready})
        ended = time.perf_counter()
        pairs.append((pictures / (middle - began), pictures / (ended - middle)))
    ratio = statistics.median_low(ours / bare for ours, bare in pairs)
    return next(pair for pair in pairs if pair[0] / pair[1] == ratio)


def main() -> None:
    numbers = [int(text) for text in sys.argv[1:3]]
    pictures, batch = (*numbers, *(PICTURES, 0)[len(numbers) :])
    with tempfile.TemporaryDirectory() as folder:
        ours, bare = throughput(Path(folder), pictures=pictures, batch=batch)
    print(f"{ours:.2f} pictures a second, bare {bare:.2f}: {ours / bare:.1%}")


if __name__ == "__main__":
    main()
