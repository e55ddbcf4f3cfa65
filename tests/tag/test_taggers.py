"""Finding and opening taggers: by name, in other programs' folders, fixed batches, misfits."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from lorabake.core.errors import DeviceError, LorabakeError, ModelFileError, RecipeError
from lorabake.core.workspace import Workspace
from lorabake.engine.shelf import KNOWN, add_folder, find_models
from lorabake.tag.taggers import (
    TAGGERS,
    chosen_names,
    default_tagger,
    load_tagger,
    resolve_tagger,
    session,
    tagger_choices,
    tagger_key,
)
from lorabake.tag.taggers.devices import DEVICES, PROVIDERS, has_graphics, providers
from tests.tag.models import COLOURS, write_list, write_tagger

RED, BLUE = (0, 0, 250), (250, 0, 0)  # as taggers see them: blue first


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "workspace")


def plain(*colours: tuple[int, int, int], side: int = 32) -> np.ndarray:
    return np.stack([np.full((side, side, 3), colour, dtype=np.float32) for colour in colours])


def stated(batch: np.ndarray) -> np.ndarray:
    """What the tiny tagger computes, without onnxruntime."""
    means = batch.mean(axis=(1, 2))
    weights = np.array([row[2] for row in COLOURS]).T
    return 1 / (1 + np.exp(-(means @ weights + np.array([row[3] for row in COLOURS]))))


@pytest.mark.parametrize("batch", ["batch", 1, 4])
@pytest.mark.parametrize("count", [1, 3, 9])
def test_any_number_of_pictures_whatever_the_models_batch(space, tmp_path, batch, count):
    """ "v3 ONNX files have a dynamic batch axis; v1.4 files are fixed to 1"."""
    tagger = load_tagger(space, write_tagger(tmp_path / "t", batch=batch))
    assert tagger.batch == (None if batch == "batch" else batch)
    assert tagger.size == 32
    pictures = plain(*([RED, BLUE, (9, 99, 200)] * 3)[:count])
    found = tagger.run(pictures)
    assert found.shape == (count, len(COLOURS))
    np.testing.assert_allclose(found, stated(pictures), atol=1e-5)


def test_its_list_and_its_key(space, tmp_path):
    tagger = load_tagger(space, write_tagger(tmp_path / "t"))
    assert tagger.labels[9].name == "kafka_(honkai:_star_rail)"
    assert tagger.labels[9].category == "character"
    assert tagger.provider == "CPU" or has_graphics()
    same = load_tagger(space, write_tagger(tmp_path / "copy"))
    assert same.key == tagger.key  # known by content, not by place
    other = [("other", 0, (0, 0, 0), 0.0), *COLOURS[1:]]
    assert load_tagger(space, write_tagger(tmp_path / "o", labels=other)).key != tagger.key


MISFITS = {
    "another list": ({"labels": COLOURS[:-1]}, r"gives 11 probabilities.*list has 10 tags"),
    "colours first": ({"channels_first": True}, "does not take pictures the way WD taggers do"),
    "far too large": ({"side": 4096}, "does not take pictures the way WD taggers do"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_model_that_does_not_fit_is_refused_in_one_sentence(space, tmp_path, name):
    options, sentence = MISFITS[name]
    with pytest.raises(ModelFileError, match=sentence):
        load_tagger(space, write_tagger(tmp_path / "t", **options))


def test_what_gives_no_probabilities_is_refused_before_it_writes_nonsense(space, tmp_path):
    tagger = load_tagger(space, write_tagger(tmp_path / "t", sigmoid=False))
    with pytest.raises(ModelFileError, match="something else than probabilities"):
        tagger.run(plain(RED))
    with pytest.raises(ModelFileError, match="something else than probabilities"):
        tagger.run(plain((np.nan, 0, 0)))


@pytest.mark.parametrize("data", [b"", b"\x08\x08", b"not a model at all"])
def test_a_file_that_is_cut_off_is_told(space, tmp_path, data):
    folder = write_tagger(tmp_path / "t")
    (folder / "model.onnx").write_bytes(data)
    with pytest.raises(ModelFileError, match="cannot be opened as an ONNX model"):
        load_tagger(space, folder)


@pytest.mark.parametrize("path", ["nowhere/at-all", "."])
def test_a_folder_without_a_tagger_is_told(space, tmp_path, path):
    with pytest.raises(ModelFileError, match=r"is no tagger: it needs model\.onnx"):
        load_tagger(space, tmp_path / path)


def test_paths_are_only_for_the_command_line(space, tmp_path):
    folder = write_tagger(tmp_path / "t")
    with pytest.raises(ModelFileError, match="no tagger called"):
        resolve_tagger(space, str(folder))


PLACES = {
    "workspace": ("workspace/models/wd-vit-tagger-v3", "model.onnx", "selected_tags.csv"),
    "kohya": ("workspace/models/SmilingWolf_wd-vit-tagger-v3", "model.onnx", "selected_tags.csv"),
    "ComfyUI": ("added/custom", "wd-vit-tagger-v3.onnx", "wd-vit-tagger-v3.csv"),
    "Dataset Processor": ("added/Models", "wdV3Model.onnx", "wdV3Tags.csv"),
}


@pytest.mark.parametrize("where", PLACES)
def test_a_known_tagger_is_found_as_other_programs_keep_it(space, tmp_path, where):
    place, model, tags = PLACES[where]
    write_tagger(tmp_path / place, model=model, tags=tags)
    if place.startswith("added"):
        add_folder(space, tmp_path / "added")
    find_models(space)
    assert load_tagger(space, "vit").name == "vit"
    assert load_tagger(space, "wd-vit-tagger-v3").key == tagger_key(space, "vit")
    choice = next(one for one in tagger_choices(space) if one.name == "vit")
    assert choice.here
    assert choice.path == tmp_path / place / model
    assert default_tagger(space) == "vit"


def test_hugging_faces_cache_is_looked_into(space, tmp_path, monkeypatch):
    monkeypatch.setenv("LORABAKE_LOOK_ELSEWHERE", "1")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    snapshot = tmp_path / "hub/models--SmilingWolf--wd-eva02-large-tagger-v3/snapshots/abc"
    write_tagger(snapshot)
    assert resolve_tagger(space, "eva02-large")[1].model == snapshot / "model.onnx"


PROGRAMS = {
    "Dataset Processor": "DatasetProcessor/Models",
    "TagGUI": "Documents/taggui/models/SmilingWolf_wd-eva02-large-tagger-v3",
    "kohya": "kohya_ss/wd14_tagger_model/SmilingWolf_wd-eva02-large-tagger-v3",
    "A1111": "stable-diffusion-webui/models/TaggerOnnx/wd-eva02-large-tagger-v3",
    "ComfyUI": "ComfyUI/custom_nodes/ComfyUI-WD14-Tagger/models",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_other_programs_folders_are_looked_into(space, tmp_path, monkeypatch, program):
    """ "Where a local copy may already be": nobody downloads 1.2 GB twice."""
    home = tmp_path / "home"
    monkeypatch.setenv("LORABAKE_LOOK_ELSEWHERE", "1")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))
    (home / "stable-diffusion-webui/models/Stable-diffusion").mkdir(parents=True)
    (home / "ComfyUI/models/checkpoints").mkdir(parents=True)
    names = {
        "Dataset Processor": ("wdV3LargeModel.onnx", "wdV3LargeTags.csv"),
        "ComfyUI": ("wd-eva02-large-tagger-v3.onnx", "wd-eva02-large-tagger-v3.csv"),
    }
    model, tags = names.get(program, ("model.onnx", "selected_tags.csv"))
    write_tagger(home / PROGRAMS[program], model=model, tags=tags)
    files = resolve_tagger(space, "eva02-large")[1]
    assert (files.where, files.model) == (program, home / PROGRAMS[program] / model)


def test_a_large_file_that_was_never_opened_is_not_read_for_a_preview(space, monkeypatch):
    monkeypatch.setattr(session, "_QUICK", 10)  # bytes
    write_tagger(space.models_dir / "wd-vit-tagger-v3")
    assert tagger_key(space, "vit") is None
    assert load_tagger(space, "vit").key == tagger_key(space, "vit")


def test_other_taggers_of_the_shelf_go_by_their_own_name(space):
    write_tagger(space.models_dir / "colours")
    find_models(space)
    choices = {one.name: one for one in tagger_choices(space)}
    assert choices["colours"].here
    assert load_tagger(space, "colours").labels[4].name == "red_theme"
    assert default_tagger(space) == "colours"


def test_one_that_is_not_here_says_how_to_get_it(space):
    with pytest.raises(ModelFileError, match="models get wd-eva02-large-tagger-v3"):
        load_tagger(space, "eva02-large")
    with pytest.raises(ModelFileError, match="Did you mean 'eva02-large'"):
        load_tagger(space, "eva02-lrge")


def test_names_in_the_setting(space):
    assert chosen_names(space, " vit, swinv2 ,vit,") == ["vit", "swinv2"]
    assert chosen_names(space, "") == [default_tagger(space)] == ["practice"]
    with pytest.raises(RecipeError, match="At most 5"):
        chosen_names(space, "a,b,c,d,e,f")


@pytest.mark.parametrize("name", TAGGERS.names)
def test_every_tagger_of_the_list_can_be_had(name, space):
    """A row of the registry is useful: it is here, or the shelf knows where it comes from."""
    kind = TAGGERS[name]
    assert kind.label
    assert kind.help.endswith(".")
    if kind.model:
        about = next(model for model in KNOWN if model.name == kind.model)
        assert about.can_download
        assert about.save_as == kind.model
        with pytest.raises(ModelFileError, match=f"models get {kind.model}"):
            load_tagger(space, name)
    else:
        assert load_tagger(space, name).name == name


def test_the_practice_tagger_has_the_interface_of_the_wd_taggers(space):
    tagger = load_tagger(space, "practice")
    assert tagger.size == 448
    assert [label.category for label in tagger.labels[:4]] == ["rating"] * 4
    assert tagger.run(plain(RED, side=448)).shape == (1, len(tagger.labels))


@pytest.mark.parametrize("device", DEVICES)
def test_every_device_opens_or_says_that_it_is_not_here(space, tmp_path, device):
    folder = write_tagger(tmp_path / "t")
    if device == "auto" or PROVIDERS[device] in providers():
        found = load_tagger(space, folder, device).run(plain(RED))
        np.testing.assert_allclose(found, stated(plain(RED)), atol=1e-3)
    else:
        with pytest.raises(DeviceError, match="Taggers cannot run on"):
            load_tagger(space, folder, device)


def test_an_unknown_device_is_refused():
    with pytest.raises(LorabakeError, match="no device 'tpu'"):
        providers("tpu")


def test_cpu_is_always_the_last_resort():
    assert providers()[-1] == "CPUExecutionProvider"
    assert set(providers()) <= set(onnxruntime.get_available_providers())


def test_a_list_alone_is_no_tagger(space, tmp_path):
    write_list(tmp_path / "selected_tags.csv", COLOURS)
    with pytest.raises(ModelFileError, match="is no tagger"):
        load_tagger(space, tmp_path)
