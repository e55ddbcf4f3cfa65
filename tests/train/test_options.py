"""Every setting that changes what is learned: it does something, and a bake that is cut off with it
goes on to the same bytes.

Settings that do not touch each other are cut off together; whatever keeps a state of its own, a kind
of network, an optimizer or a schedule, alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from lorabake.core.dataset import scan_dataset
from lorabake.core.run import Run
from lorabake.core.workspace import Workspace
from lorabake.recipe.presets import load_recipe
from lorabake.train.loop import train
from lorabake.train.prepare import load_setup, prepare_run
from tests.bakes import TINY, Recorded, draw_dataset

torch.set_num_threads(1)

EPOCHS = 2
Changes = dict[str, Any]

OPTIONS: dict[str, Changes] = {
    "l1": {"loss_type": "l1"},
    "huber": {"loss_type": "huber"},
    "huber-constant": {"loss_type": "huber", "huber_schedule": "constant"},
    "huber-exponential": {"loss_type": "huber", "huber_schedule": "exponential", "huber_scale": 2},
    "smooth-l1": {"loss_type": "smooth_l1", "huber_c": 0.3},
    "min-snr": {"min_snr_gamma": 1},
    "debiased": {"debiased_estimation_loss": True},
    "v-prediction": {"model.prediction": "v"},
    "v-scaled": {"model.prediction": "v", "scale_v_pred_loss_like_noise_pred": True},
    "zero-snr": {"model.prediction": "v", "zero_terminal_snr": "on"},
    "noise-offset": {"noise_offset": 0.1},
    "noise-offset-random": {"noise_offset": 0.1, "noise_offset_random_strength": True},
    "multires": {"multires_noise_iterations": 6},
    "ip-noise": {"ip_noise_gamma": 0.1},
    "ip-noise-random": {"ip_noise_gamma": 0.1, "ip_noise_gamma_random_strength": True},
    "timesteps": {"min_timestep": 300, "max_timestep": 700},
    "masked-alpha": {"masked_loss": "alpha"},
    "masked-folder": {"masked_loss": "folder"},
    "prior-loss-weight": {"prior_loss_weight": 0.25},
    "flip": {"flip_aug": True},
    "colour": {"color_aug": True},
    "random-crop": {"random_crop": True},
    "matte": {"matte": "#102030"},
    "no-upscale": {"bucket_no_upscale": True},
    "caption-dropout": {"caption_dropout_rate": 0.5},
    "caption-dropout-epochs": {"caption_dropout_every_n_epochs": 2},
    "tag-dropout": {"caption_tag_dropout_rate": 0.5},
    "token-warmup": {"token_warmup_step": 0.9},
    "prefix": {"caption_prefix": "masterpiece,"},
    "separator": {"keep_tokens_separator": "|||"},
    "wildcards": {"enable_wildcard": True},
    "network-dropout": {"network_dropout": 0.3},
    "rank-dropout": {"rank_dropout": 0.3},
    "module-dropout": {"module_dropout": 0.3},
    "scale-weight-norms": {"scale_weight_norms": 0.02},
    "attention-only": {"target_layers": "attn"},
    "te2-rate": {"text_encoder_2_lr": 1e-2},
    "unet-only": {"train_text_encoder": False},
    "text-only": {"train_unet": False},
    "warmup-steps": {"warmup_steps": 3},
    "kohya-exact": {"kohya_exact": True},
    "no-cache": {"cache_latents": False, "kohya_exact": True},
    "max-steps": {"max_train_steps": 4},
    "accumulation": {"gradient_accumulation_steps": 2},
    "validation": {"validation_split": 0.3},
    **{f"scheduler-{name}": {"lr_scheduler": name} for name in ("linear", "polynomial", "cosine")},
    "scheduler-cawr": {
        "lr_scheduler": "cosine_annealing_warm_restarts",
        "lr_scheduler_num_cycles": 2,
    },
    "power": {"lr_scheduler": "polynomial", "lr_scheduler_power": 3},
    **{name: {"network.type": name} for name in ("locon", "loha", "lokr", "glora")},
    "dora": {"dora": True},
    "dora-rows": {"dora": True, "wd_on_output": True},
    "locon-dora-dropout": {"network.type": "locon", "dora": True, "rank_dropout": 0.3},
    "lokr-factor": {"network.type": "lokr", "factor": 2},
    **{
        name: {"optimizer.type": name}
        for name in ("adafactor", "lion", "prodigy", "adamw_schedulefree", "dadapt_adam")
    },
    "ema": {"ema": True},
}
TOGETHER: dict[str, tuple[str, ...]] = {
    "losses": (
        *("huber-exponential", "min-snr", "masked-alpha", "prior-loss-weight"),
        *("noise-offset-random", "ip-noise-random", "timesteps"),
    ),
    "velocity": ("v-scaled", "zero-snr", "multires", "masked-folder", "l1"),
    "captions": (
        *("caption-dropout", "tag-dropout", "token-warmup"),
        *("prefix", "separator", "wildcards"),
    ),
    "pictures": ("flip", "random-crop", "matte", "no-upscale", "smooth-l1"),
    "network": (
        *("network-dropout", "rank-dropout", "module-dropout"),
        *("scale-weight-norms", "attention-only", "te2-rate"),
    ),
    "progress": ("accumulation", "validation", "warmup-steps", "ema"),
}
ALONE = (
    *("colour", "debiased", "caption-dropout-epochs", "kohya-exact", "no-cache", "max-steps"),
    *("scheduler-cawr", "power", "locon", "loha", "lokr", "glora", "dora", "locon-dora-dropout"),
    *("adafactor", "lion", "prodigy", "adamw_schedulefree", "dadapt_adam"),
)
IN_THE_SECOND_EPOCH = {"caption-dropout-epochs", "max-steps", "module-dropout"}
"""Options that do nothing before."""
UNCHANGED = {"ema"}
"""Options that leave the plain file as it is."""


class PowerCut(BaseException):
    """Nothing in the program catches this."""


class CutAfter(Recorded):
    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def write(self, type: str, **data: Any) -> None:
        super().write(type, **data)
        if type == "step" and data["step"] == self.step:
            raise PowerCut


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures, one of them half transparent, masks, and a folder of regularisation."""
    folder = draw_dataset(tmp_path_factory.mktemp("data"), [(40, 40), (48, 32), (28, 28)], "1_ohwx")
    concept = folder / "1_ohwx"
    with Image.open(concept / "01.png") as picture:
        see_through = picture.convert("RGBA")
    see_through.paste((10, 200, 30, 40), (0, 0, 20, 40))
    see_through.save(concept / "01.png")
    text = "ohwx, 1girl ||| {red|blue} hat, smile, long hair, sitting\nohwx, standing, hat\n"
    (concept / "01.txt").write_text(text, encoding="utf-8")
    (concept / "masks").mkdir()
    for name, (left, right) in (("01", (0, 12)), ("02", (8, 40))):
        mask = Image.new("L", (40, 40))
        mask.paste(255, (left, 0, right, 40))
        mask.save(concept / "masks" / f"{name}.png")
    others = draw_dataset(folder, [(36, 36)], "1_others") / "1_others"
    (others / "concept.toml").write_text("is_reg = true\n", encoding="utf-8")
    return folder


def prepared(folder: Path, pictures: Path, base: Path, changes: Changes) -> Run:
    wanted = TINY | {"model.base": str(base), "epochs": EPOCHS, "ip_noise_gamma": 0.0} | changes
    workspace = Workspace.open(folder / "workspace")
    recipe = load_recipe("pdxl", wanted)
    data = scan_dataset(pictures)
    return prepare_run(workspace, folder / "run", data, recipe, name="it", paths_allowed=True)


def files(run: Run) -> dict[str, bytes]:
    """The tensors of every file of the run, as bytes."""
    found = {}
    for path in sorted(run.folder.glob("*.safetensors")):
        for name, tensor in load_file(path).items():
            found[f"{path.name}/{name}"] = tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
    return found


Learned = Callable[[str, int], dict[str, bytes]]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory, pictures: Path, tiny_base: Path) -> Learned:
    """What an undisturbed bake with an option ("" is none) writes in so many epochs; baked once."""

    @cache
    def bake(option: str, epochs: int) -> dict[str, bytes]:
        changes = OPTIONS.get(option, {}) | {"epochs": epochs}
        run = prepared(tmp_path_factory.mktemp("whole"), pictures, tiny_base, changes)
        train(run, Recorded())
        return files(run)

    return bake


@pytest.mark.parametrize("name", OPTIONS)
def test_it_counts(name: str, learned: Learned) -> None:
    epochs = EPOCHS if name in (*ALONE, *IN_THE_SECOND_EPOCH) else 1
    plain, found = learned("", epochs), learned(name, epochs)
    same = [key for key in plain.keys() & found.keys() if plain[key] == found[key]]
    assert found.keys() != plain.keys() or len(same) < len(plain), "the setting changed nothing"
    if name in UNCHANGED:
        assert len(same) == len(plain)


@pytest.mark.parametrize("name", [*TOGETHER, *ALONE])
def test_it_survives_a_power_cut(
    name: str, tmp_path: Path, pictures: Path, tiny_base: Path, learned: Learned
) -> None:
    changes: Changes = {}
    for option in TOGETHER.get(name, (name,)):
        changes |= OPTIONS[option]
    if name in ALONE:
        whole = learned(name, EPOCHS)
    else:
        run = prepared(tmp_path / "whole", pictures, tiny_base, changes)
        train(run, Recorded())
        whole = files(run)
    cut = prepared(tmp_path / "cut", pictures, tiny_base, changes)
    # in the second epoch, with the first one's state behind it
    with pytest.raises(PowerCut):
        train(cut, CutAfter(load_setup(cut).plan.total_steps // 2 + 1))
    train(cut, Recorded(), resume=True)
    assert files(cut) == whole
