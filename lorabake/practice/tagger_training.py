"""Trains the practice tagger: a small network with exactly the interface of the WD taggers.

Input `input` (N, 448, 448, 3) float32, BGR, 0 to 255; output `output` (N, words), probabilities. It
looks at a quarter of the side, which is all that the drawings need.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from .muon import Both, is_matrix
from .stage import Average, Progress, cosine, prepare
from .tagger_words import Drawing, drawing, truth, words

logger = logging.getLogger(__name__)

SIDE = 448
REDUCED = 4
MODEL, TAGS = "model.onnx", "selected_tags.csv"
_FIRST_ID = 9_900_000  # of words; far above every tag that a board has


@dataclass(frozen=True, kw_only=True)
class TaggerSettings:
    steps: int = 2500
    batch: int = 64
    pool: int = 16_000
    clutter: float = 0.06
    lr: float = 2e-3
    muon_lr: float = 0.02
    average: float = 0.998
    # Drawings leave no doubt: bare scores would be 0 or 1, and no threshold would matter. These
    # spread them as those of taggers of real pictures are: most true words between 0.7 and 0.95.
    soft: float = 6.0
    shift: float = 2.0
    seed: int = 11


class TaggerNetwork(nn.Module):
    """Strided convolutions, the means of the four quarters, one score a word."""

    def __init__(self, count: int, widths: Sequence[int] = (32, 64, 96, 160, 256)) -> None:
        super().__init__()
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        before = 3
        for width in widths:
            self.convolutions.append(nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False))
            self.norms.append(nn.BatchNorm2d(width, momentum=0.02))
            before = width
        self.head = nn.Linear(before * 4, count)  # 112 px halved five times is 4, averaged by twos

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: (B, 3, 112, 112), BGR, -1 to 1. Result: scores (B, words) before the sigmoid."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            pixels = F.relu(norm(convolution(pixels)))
        return self.head(F.avg_pool2d(pixels, 2).flatten(1))


def train_tagger(cache: Path, target: Path, settings: TaggerSettings = TaggerSettings()) -> None:
    """Leaves model.onnx and selected_tags.csv in the folder `target`."""
    prepare(settings.seed)
    pixels, labels = lessons(cache, settings)
    network = TaggerNetwork(labels.shape[1]).train()
    named = list(network.named_parameters())
    optimizer = Both(
        [p for n, p in named if is_matrix(n, p)],
        [p for n, p in named if not is_matrix(n, p)],
        muon_lr=settings.muon_lr,
        adam_lr=settings.lr,
    )
    average, progress = (
        Average(network, settings.average),
        Progress(cache, "tagger", settings.steps),
    )
    state = progress.load()
    if state:
        network.load_state_dict(state["network"])
        average.values = state["average"]
        optimizer.load_state_dict(state["optimizer"])
    for step in range(progress.first, settings.steps):
        chance = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        chosen = torch.randint(len(pixels), (settings.batch,), generator=chance)
        scores = network(varied(pixels[chosen].float() / 127.5 - 1, chance))
        loss = F.binary_cross_entropy_with_logits(scores, labels[chosen])
        (loss * 20).backward()  # most words are untrue of most pictures: the mean is small
        optimizer.step(cosine(step, settings.steps))
        average.update(network, step)
        if progress.due(step + 1):
            progress.note(step + 1, loss=loss.item())
            states = {"network": network.state_dict(), "average": average.values}
            progress.save(step + 1, states | {"optimizer": optimizer.state_dict()})
    network.load_state_dict(average.weights(network))
    soften(network.head, settings)
    target.mkdir(parents=True, exist_ok=True)
    write_onnx(network.eval(), target / MODEL)
    write_words(labels.sum(0).long().tolist(), target / TAGS)


def soften(head: nn.Linear, settings: TaggerSettings) -> None:
    """Less sure of everything, in the same order."""
    with torch.no_grad():
        head.weight /= settings.soft
        head.bias.sub_(settings.shift).div_(settings.soft)


def lessons(cache: Path, settings: TaggerSettings) -> tuple[Tensor, Tensor]:
    """Pictures (N, 3, 112, 112) uint8 in BGR, and what is true of each (N, words)."""
    file = cache / f"tagger-{settings.seed}-{settings.pool}.npz"
    if not file.exists():
        logger.info("drawing %d pictures", settings.pool)
        seen = np.empty((settings.pool, 3, SIDE // REDUCED, SIDE // REDUCED), np.uint8)
        tags = []
        for number in range(settings.pool):
            lesson = _lesson(number, settings)
            seen[number] = as_seen(lesson.image)
            tags.append(lesson.tags)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(file, seen=seen, truth=truth(tags))
    with np.load(file) as kept:
        return torch.from_numpy(kept["seen"]), torch.from_numpy(kept["truth"])


def _lesson(number: int, settings: TaggerSettings) -> Drawing:
    """Most are drawn as large as they are seen, which is quick; the others are enlarged or reduced."""
    size = (112, 112, 112, 64, 112, 160, 112, 256)[number % 8]
    return drawing(number, f"tagger:{settings.seed}", size, clutter=settings.clutter)


def as_seen(image: Image.Image) -> np.ndarray:
    """(3, 112, 112) uint8, BGR: what the network sees of a square picture."""
    seen = SIDE // REDUCED
    if image.width != seen:
        image = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC).reduce(REDUCED)
    return np.ascontiguousarray(np.asarray(image)[:, :, ::-1].transpose(2, 0, 1))


def varied(pixels: Tensor, chance: torch.Generator) -> Tensor:
    """Moved, made a little smaller or larger, tinted and with noise, so that no pixel decides."""
    count = len(pixels)
    zoom = 1 + (torch.rand(count, generator=chance) - 0.35) * 0.2
    shift = (torch.rand(count, 2, generator=chance) - 0.5) * 0.12
    flip = torch.where(torch.rand(count, generator=chance) < 0.5, -1.0, 1.0)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = zoom * flip, zoom, shift
    grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)
    moved = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    tint = torch.randn(count, 3, 1, 1, generator=chance) * 0.02
    return moved + tint + torch.randn(pixels.shape, generator=chance) * 0.02


def write_words(counts: Sequence[int], path: Path) -> None:
    """The list of words in the taggers' own form."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("tag_id", "name", "category", "count"))
    for number, (word, count) in enumerate(zip(words(), counts, strict=True)):
        lines.writerow((_FIRST_ID + number, word.name, word.category, count))
    path.write_text(text.getvalue(), encoding="utf-8", newline="\n")


def write_onnx(network: TaggerNetwork, path: Path) -> None:
    """The network with its norms folded into the convolutions, weights in half precision."""
    import onnx
    from onnx import TensorProto, helper

    weights: dict[str, Tensor] = {
        "middle": torch.tensor(127.5),
        "minus_one": torch.tensor(-1.0),
        "head.weight": network.head.weight,
        "head.bias": network.head.bias,
    }
    nodes = [
        helper.make_node("Transpose", ["input"], ["planes"], perm=[0, 3, 1, 2]),
        _pool("planes", "small", REDUCED),
        helper.make_node("Div", ["small", "middle"], ["scaled"]),
        helper.make_node("Add", ["scaled", "minus_one"], ["x0"]),
    ]
    layers = list(zip(network.convolutions, network.norms, strict=True))
    for number, (convolution, norm) in enumerate(layers):
        weight, bias = _folded(convolution, norm)
        weights |= {f"w{number}": weight, f"b{number}": bias}
        inputs = [f"x{number}", f"w{number}", f"b{number}"]
        nodes.append(
            helper.make_node("Conv", inputs, [f"c{number}"], strides=[2, 2], pads=[1, 1, 1, 1])
        )
        nodes.append(helper.make_node("Relu", [f"c{number}"], [f"x{number + 1}"]))
    nodes += [
        _pool(f"x{len(layers)}", "quarters", 2),
        helper.make_node("Flatten", ["quarters"], ["features"]),
        helper.make_node("Gemm", ["features", "head.weight", "head.bias"], ["scores"], transB=1),
        helper.make_node("Sigmoid", ["scores"], ["output"]),
    ]
    casts, kept = _stored(weights)
    count = network.head.out_features
    graph = helper.make_graph(
        [*casts, *nodes],
        "practice tagger",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", count])],
        kept,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def _pool(source: str, target: str, size: int) -> Any:
    from onnx import helper

    return helper.make_node(
        "AveragePool", [source], [target], kernel_shape=[size, size], strides=[size, size]
    )


def _folded(convolution: nn.Module, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """One convolution's weight and bias that do what it and the norm after it do."""
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return convolution.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


def _stored(weights: dict[str, Tensor]) -> tuple[list[Any], list[Any]]:
    """Nodes that widen the halves when the model is loaded, and the halves themselves."""
    from onnx import TensorProto, helper, numpy_helper

    casts = [
        helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT) for name in weights
    ]
    kept = [
        numpy_helper.from_array(value.detach().half().numpy(), f"{name}.half")
        for name, value in weights.items()
    ]
    return casts, kept
