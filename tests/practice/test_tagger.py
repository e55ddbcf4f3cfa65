"""The practice tagger is tested as any tagger is used: files, then pixels, then tags."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lorabake.practice import SAMPLE_DIR, TAGGER_DIR
from lorabake.practice.tagger_training import MODEL, TAGS, TaggerNetwork, write_onnx
from lorabake.practice.tagger_words import RATING, Drawing, drawing, truth, words

COUNT = 240
THRESHOLD = 0.3  # the guide's


def session(path: Path):
    import onnxruntime

    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def wd_input(image: Image.Image) -> np.ndarray:
    """(448, 448, 3) BGR 0–255 as SmilingWolf's page makes it, of a square picture without alpha."""
    side = image.resize((448, 448), Image.Resampling.BICUBIC)
    return np.asarray(side, dtype=np.float32)[:, :, ::-1]


def probabilities(images: list[Image.Image]) -> np.ndarray:
    run = session(TAGGER_DIR / MODEL)
    parts = [images[i : i + 16] for i in range(0, len(images), 16)]
    batches = [np.stack([wd_input(image) for image in part]) for part in parts]
    return np.concatenate([run.run(None, {"input": batch})[0] for batch in batches])


def f1_by_word(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Per word: 2·hits / (said + true)."""
    hits = (found & wanted).sum(0)
    return 2 * hits / np.maximum(1, found.sum(0) + wanted.sum(0))


def recompressed(image: Image.Image) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=80)
    return Image.open(data).convert("RGB")


@pytest.fixture(scope="module")
def unseen() -> list[Drawing]:
    """Drawings of four sizes that no training has seen."""
    return [drawing(i, "unseen", (64, 128, 256, 320)[i % 4]) for i in range(COUNT)]


@pytest.fixture(scope="module")
def as_drawn(unseen: list[Drawing]) -> np.ndarray:
    """What the tagger says of them."""
    return probabilities([one.image for one in unseen])


def test_it_has_the_interface_of_the_wd_taggers() -> None:
    run = session(TAGGER_DIR / MODEL)
    (entry,) = run.get_inputs()
    (leaving,) = run.get_outputs()
    assert (entry.name, entry.type, entry.shape[1:]) == ("input", "tensor(float)", [448, 448, 3])
    assert leaving.name == "output"
    assert isinstance(entry.shape[0], str), "any number of pictures at once"
    with (TAGGER_DIR / TAGS).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], int(row["category"])) for row in rows] == [
        (word.name, word.category) for word in words()
    ]
    assert leaving.shape[1] == len(rows)
    blank = np.full((3, 448, 448, 3), 255, np.float32)
    chances = run.run(None, {"input": blank})[0]
    assert chances.shape == (3, len(rows))
    assert ((chances >= 0) & (chances <= 1)).all()


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in TAGGER_DIR.iterdir()) <= 6_000_000


def test_it_sees_what_is_drawn(unseen: list[Drawing], as_drawn: np.ndarray) -> None:
    """Macro F1 over all words but the ratings, at the guide's threshold."""
    tested, scores = scored(as_drawn, unseen)
    assert len(tested) >= 100
    assert scores.mean() >= 0.95, scores.mean()
    worst = tested[int(scores.argmin())]
    assert scores.min() >= 0.7, (worst, scores.min())


def test_it_sees_what_was_saved_as_jpeg(unseen: list[Drawing]) -> None:
    some = unseen[::3]
    tested, scores = scored(probabilities([recompressed(one.image) for one in some]), some)
    assert len(tested) >= 80
    assert scores.mean() >= 0.95, scores.mean()


def scored(chances: np.ndarray, drawings: list[Drawing]) -> tuple[list[str], np.ndarray]:
    """The words that stand for any of them, and how well each is seen (F1)."""
    wanted = truth([one.tags for one in drawings]) > 0.5
    tested = [i for i, word in enumerate(words()) if word.category != RATING and wanted[:, i].any()]
    scores = f1_by_word(chances >= THRESHOLD, wanted)[tested]
    return [words()[i].name for i in tested], scores


def test_a_threshold_matters(as_drawn: np.ndarray) -> None:
    """As with a tagger of real pictures: higher ones leave words out, lower ones let untrue ones in."""
    chances = as_drawn[:100]
    counts = [int((chances >= threshold).sum()) for threshold in (0.1, 0.3, 0.8, 0.9)]
    assert counts[0] > 1.02 * counts[1]
    assert counts[2] < 0.98 * counts[1]
    assert counts[3] < 0.8 * counts[1]
    assert counts[3] > 0.1 * counts[1]


def test_a_drawing_is_nothing_to_hide_from_anyone(as_drawn: np.ndarray) -> None:
    assert (as_drawn[:, :4].argmax(1) == 0).all()


def test_it_tells_the_captions_of_the_sample() -> None:
    """What the sample's captions say of the pictures, without the trigger."""
    pictures = sorted(SAMPLE_DIR.rglob("*.png"))
    chances = probabilities([Image.open(path).convert("RGB") for path in pictures])
    names = [word.name.replace("_", " ") for word in words()]
    known = right = 0
    for path, row in zip(pictures, chances, strict=True):
        caption = path.with_suffix(".txt").read_text(encoding="utf-8").strip().split(", ")[1:]
        said = {name for name, chance in zip(names, row, strict=True) if chance >= THRESHOLD}
        known += len(caption)
        right += len(said & set(caption))
        assert {"multicolored hair", "striped scarf"} <= said, path.name
    assert right / known >= 0.95


def test_the_file_computes_what_the_network_does(tmp_path: Path) -> None:
    """The norms are folded and the weights halved on the way."""
    torch.manual_seed(1)
    network = TaggerNetwork(12).train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(8, 3, 112, 112))
    write_onnx(network.eval(), tmp_path / "model.onnx")
    pixels = np.random.default_rng(1).integers(0, 256, (2, 448, 448, 3)).astype(np.float32)
    (there,) = session(tmp_path / "model.onnx").run(None, {"input": pixels})
    planes = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    with torch.no_grad():
        here = network(torch.nn.functional.avg_pool2d(planes, 4) / 127.5 - 1).sigmoid()
    assert np.abs(there - here.numpy()).max() < 2e-3
