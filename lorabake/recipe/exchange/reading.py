"""From the arguments of the kohya trainers to a recipe, each setting in turn, none dropped silently."""

from __future__ import annotations

import math
from typing import Any

from lorabake.core.concept_settings import ConceptSettings, concept_settings_from
from lorabake.core.errors import RecipeError
from lorabake.core.settings import checked, setting_fields
from lorabake.engine.optimizers import OPTIMIZERS as OPTIMIZER_ENTRIES
from lorabake.engine.optimizers import optimizer_settings
from lorabake.engine.schedules import SCHEDULES
from lorabake.recipe.exchange import names
from lorabake.recipe.exchange.arguments import Arguments, Table
from lorabake.recipe.exchange.folders import FolderSettings, clamped_repeats, folder_name
from lorabake.recipe.exchange.optimizer_args import args_from, nearest_optimizer
from lorabake.recipe.exchange.reasons import REASONS, not_honoured
from lorabake.recipe.recipe import Recipe, with_setting

MAX_FOLDERS = 1000
DEFAULT_STEPS = 1600  # sd-scripts trains that long when a file says nothing
_DEFAULT_RATE = 2e-6


class Reading:
    """One pass over the arguments. recipe, folders, lost, warnings: what came of it."""

    def __init__(self, given: Arguments) -> None:
        self.given = given
        self.args = dict(given.args)
        self.dataset = dict(given.dataset)
        self.recipe = Recipe()
        self.folders: list[FolderSettings] = []
        self.lost: list[str] = list(given.lost)
        self.warnings: list[str] = []

    def read_dataset(self) -> Reading:
        """Only what a file about folders says; everything else stays as it is by default."""
        self._rows(names.DATASET, self.dataset)
        self._resolution()
        self._subsets()
        self._leftovers()
        return self

    def read(self, *, folders: bool = True) -> Reading:
        """Everything; folders=False leaves what belongs to folders as it is by default."""
        self._rows(names.ARGUMENTS, self.args)
        self._model()
        self._length()
        self._rates()
        self._scheduler()
        self._optimizer()
        self._network()
        self._small_things()
        if folders:
            self._rows(names.DATASET, self.dataset)
            self._resolution()
            self._subsets()
        self._leftovers()
        return self

    def _leftovers(self) -> None:
        """What is off and would do nothing anyway is nothing to tell."""
        for name, value in [*self.args.items(), *self.dataset.items()]:
            if value is not False or name not in REASONS:
                self.lost.append(not_honoured(name))

    def set(self, key: str, value: Any, name: str) -> None:
        """Set what fits; what does not is listed."""
        try:
            self.recipe = with_setting(self.recipe, key, value)
        except RecipeError as error:
            self.lost.append(not_honoured(name, str(error).rstrip(".")))

    def _rows(self, rows: tuple[names.Row, ...], table: Table) -> None:
        for name, key, missing in rows:
            value = table.pop(name, missing)
            self.set(key, missing if value is None else value, name)

    def _model(self) -> None:
        for name, key in (
            ("pretrained_model_name_or_path", "model.base"),
            ("vae", "model.vae"),
            ("network_weights", "network.network_weights"),
        ):
            value = self.args.pop(name, "") or ""
            self.set(key, folder_name(value) if isinstance(value, str) else value, name)
        family = "sdxl" if str(self.args.pop("sdxl", False)).lower() == "true" else "sd15"
        self.recipe = Recipe(**{**self._parts(), "family": family})
        if self.args.pop("v_parameterization", False):
            self.set("model.prediction", "v", "v_parameterization")
        if self.args.pop("zero_terminal_snr", False):
            self.set("model.zero_terminal_snr", "on", "zero_terminal_snr")
        checkpointing = self.args.pop("gradient_checkpointing", False)
        self.set("general.gradient_checkpointing", bool(checkpointing), "gradient_checkpointing")
        self.args.pop("sdpa", None)

    def _parts(self) -> dict[str, Any]:
        return {name: getattr(self.recipe, name) for name in self.recipe.__dataclass_fields__}

    def _length(self) -> None:
        epochs = self.args.pop("max_train_epochs", None)
        steps = self.args.pop("max_train_steps", None)
        if epochs:
            self.set("general.epochs", epochs, "max_train_epochs")
        elif steps:
            self.set("general.max_train_steps", steps, "max_train_steps")
        else:
            self.set("general.max_train_steps", DEFAULT_STEPS, "max_train_steps")
            self.warnings.append(
                f"The file does not say how long to train; its trainer would take {DEFAULT_STEPS} steps."
            )

    def _rates(self) -> None:
        common = self.args.pop("learning_rate", None) or _DEFAULT_RATE
        unet = self.args.pop("unet_lr", None)
        encoders = self.args.pop("text_encoder_lr", None)
        self.set("optimizer.unet_lr", common if unet is None else unet, "unet_lr")
        several = encoders if isinstance(encoders, list) else [encoders]
        first = several[0] if several else None
        self.set("optimizer.text_encoder_lr", common if first is None else first, "text_encoder_lr")
        if len(several) > 1:
            self.set("optimizer.text_encoder_2_lr", several[1], "text_encoder_lr")
        warmup = self.args.pop("lr_warmup_steps", 0) or 0
        if warmup:
            part = isinstance(warmup, float) and 0 < warmup < 1
            key = "optimizer.warmup_ratio" if part else "optimizer.warmup_steps"
            self.set(key, warmup, "lr_warmup_steps")

    def _scheduler(self) -> None:
        """`lr_scheduler` keeps what was chosen before whenever `lr_scheduler_type` is set."""
        plain = str(self.args.pop("lr_scheduler", "") or "constant")
        custom = str(self.args.pop("lr_scheduler_type", "") or "")
        args = dict(self.given.scheduler)
        self._cycles(args)
        name, old_rex = scheduler_name(custom or plain, self.recipe)
        if name.partition(":")[0] == "adafactor":  # the rate that Adafactor finds by itself
            name = "constant"
        if name not in SCHEDULES:
            self.lost.append(not_honoured("lr_scheduler", f"there is no {name[:60]!r} here"))
            name = "constant"
        self.set("optimizer.lr_scheduler", name, "lr_scheduler")
        if custom or name.startswith(("rex", "cosine_annealing")):
            self.set("optimizer.min_lr", args.pop("min_lr", 0.0 if old_rex else 1e-6), "min_lr")
            self.set("optimizer.rex_d", args.pop("d", 0.9), "d")
            gamma = args.pop("gamma", 0.9)
            try:
                self.set("optimizer.restart_decay", round(1 - float(gamma), 12), "gamma")
            except (TypeError, ValueError, OverflowError):
                self.lost.append(not_honoured("gamma", "it is no number"))
            self.lost += [not_honoured(f"lr_scheduler_args.{key}") for key in args]
        else:
            self.lost += [
                not_honoured(f"lr_scheduler_args.{key}", "this schedule has no such setting")
                for key in args
            ]

    def _cycles(self, args: Table) -> None:
        """sd-scripts knows no cycles and no warm-up of a custom schedule, only their first steps."""
        first, warmup = args.pop("first_cycle_max_steps", None), args.pop("warmup_steps", None)
        total = self.recipe.general.max_train_steps
        try:
            if first is not None and total:
                if total // self.recipe.optimizer.lr_scheduler_num_cycles != int(float(first)):
                    cycles = max(1, total // int(float(first)))
                    self.set("optimizer.lr_scheduler_num_cycles", cycles, "first_cycle_max_steps")
            elif first is not None:
                self.lost.append(not_honoured("lr_scheduler_args.first_cycle_max_steps"))
            if warmup is not None:
                self._cycle_warmup(int(float(warmup)), total)
        except (TypeError, ValueError, ArithmeticError):
            self.lost.append(not_honoured("lr_scheduler_args", "its steps are no numbers"))

    def _cycle_warmup(self, steps: int, total: int) -> None:
        """Steps of each cycle's warm-up; a ratio of the same length is left as it is."""
        optimizer = self.recipe.optimizer
        cycles = optimizer.lr_scheduler_num_cycles
        if optimizer.warmup_steps or round(total * optimizer.warmup_ratio) // cycles != steps:
            self.set("optimizer.warmup_ratio", 0.0, "lr_warmup_steps")
            self.set("optimizer.warmup_steps", steps * cycles, "lr_scheduler_args.warmup_steps")

    def _optimizer(self) -> None:
        written = str(self.args.pop("optimizer_type", "") or "AdamW")
        name, last = optimizer_name(written), last_name(written)
        if name is None:
            name = nearest_optimizer(last)
            taken = f"there is no {written[:60]} here; {OPTIMIZER_ENTRIES[name].label} is taken"
            self.lost.append(not_honoured("optimizer_type", taken))
        self.set("optimizer.type", name, "optimizer_type")
        known = {spec.name: spec for spec in setting_fields(OPTIMIZER_ENTRIES[name].settings)}
        args: Table = {}
        for key, value in args_from(name, self.given.optimizer, written=last).items():
            if key not in known:
                self.lost.append(not_honoured(f"optimizer_args.{key}"))
                continue
            try:
                plain = checked(known[key], value)
                plain = list(plain) if isinstance(plain, tuple) else plain
                optimizer_settings(name, args | {key: plain})
            except RecipeError as error:
                self.lost.append(not_honoured(f"optimizer_args.{key}", str(error).rstrip(".")))
            else:
                args[key] = plain
        for key, value in args.items():
            self.set(f"optimizer.args.{key}", value, key)
        warmup = self.recipe.optimizer.warmup_ratio or self.recipe.optimizer.warmup_steps
        if OPTIMIZER_ENTRIES[name].own_schedule and warmup:
            self.set("optimizer.warmup_ratio", 0.0, "warmup_ratio")
            self.set("optimizer.warmup_steps", 0, "lr_warmup_steps")
            self.lost.append(
                not_honoured("lr_warmup_steps", "a schedule-free optimizer ignores it there too")
            )

    def _network(self) -> None:
        args = dict(self.given.network)
        self.args.pop("network_module", None)
        algo = str(args.pop("algo", "") or "").lower()
        lycoris = bool(algo)
        kind = {"": "lora", "lora": "locon", "locon": "locon"}.get(algo, algo)
        if kind not in ("lora", "locon", "loha", "lokr", "glora"):
            self.lost.append(not_honoured("algo", f"there is no {algo[:40]} here; LoRA is taken"))
            kind = "lora"
        self.set("network.type", kind, "algo")
        preset = str(args.pop("preset", "") or ("full" if lycoris else "attn-mlp"))
        if preset not in names.PRESETS:
            self.lost.append(not_honoured("preset", f"there is no {preset[:40]} here"))
        target = "attn-mlp" if kind == "glora" else names.PRESETS.get(preset, "attn-mlp")
        self.set("network.target_layers", target, "preset")
        for key in ("conv_dim", "conv_alpha"):
            if value := args.pop(key, None):
                self.set(f"network.{key}", value, key)
        self.set("network.dora", args.pop("dora_wd", False), "dora_wd")
        for key in ("wd_on_output", "rank_dropout", "module_dropout", "factor", "decompose_both"):
            if (value := args.pop(key, None)) is not None:
                self.set(f"network.{key}", value, key)
        if (value := args.pop("dropout", None)) is not None:
            self.set("network.network_dropout", value, "dropout")
        self.lost += [not_honoured(f"network_args.{key}") for key in args]
        only_unet = self.args.pop("network_train_unet_only", False)
        only_text = self.args.pop("network_train_text_encoder_only", False)
        self.set("network.train_text_encoder", not only_unet, "network_train_unet_only")
        self.set("network.train_unet", not only_text, "network_train_text_encoder_only")

    def _small_things(self) -> None:
        if name := self.args.pop("output_name", ""):
            title = str(name)[:200].replace("\0", "")
            self.recipe = Recipe(**{**self._parts(), "title": title or "My recipe"})
        sampler = self.args.pop("sample_sampler", None)
        if sampler in names.SAMPLERS:
            self.set("sample.sample_sampler", names.SAMPLERS[sampler], "sample_sampler")
        elif sampler:
            self.lost.append(
                not_honoured("sample_sampler", f"there is no {str(sampler)[:40]} here")
            )
        masks = any(folder.get("conditioning_data_dir") for folder in self.given.subsets)
        alpha = self.args.pop("alpha_mask", False) or any(
            folder.get("alpha_mask") for folder in self.given.subsets
        )
        if self.args.pop("masked_loss", False) or alpha:
            self.set("optimizer.masked_loss", "folder" if masks else "alpha", "masked_loss")

    def _resolution(self) -> None:
        value = self.dataset.pop("resolution", 512)
        sides = value.split(",") if isinstance(value, str) else value
        sides = sides if isinstance(sides, list) else [sides, sides]
        try:
            width, height = float(sides[0]), float(sides[-1])
            area = round(math.sqrt(width * height))
        except (TypeError, ValueError, OverflowError):
            self.lost.append(not_honoured("resolution", "it is no size"))
            return
        self.set("general.resolution", area, "resolution")
        if width != height:
            self.lost.append(
                not_honoured(
                    "resolution", f"{width:.0f} × {height:.0f} px became its area, {area}²"
                )
            )

    def _subsets(self) -> None:
        folders = self.given.subsets[:MAX_FOLDERS]
        if len(self.given.subsets) > MAX_FOLDERS:
            self.lost.append(not_honoured("subsets", f"only {MAX_FOLDERS} folders are read"))
        own: list[Table] = [{} for _ in folders]
        for name, key, missing in names.SUBSET:
            # What a folder does not say may stand with the general arguments.
            common = self.args.pop(name, None)
            common = missing if common is None else common
            values = [folder.get(name, common) for folder in folders] or [common]
            if all(value == values[0] for value in values[1:]):
                self.set(key, values[0], name)
            elif name in names.ONE_FOR_ALL:
                self.set(key, values[0], name)
                self.lost.append(
                    not_honoured(name, "all folders share it; the first one's is used")
                )
            else:
                self.set(key, missing, name)
                for table, value in zip(own, values, strict=True):
                    if value != missing:
                        table[name] = value
        for folder, settings in zip(folders, own, strict=True):
            self.folders.append(self._folder(folder, settings))

    def _folder(self, folder: Table, own: Table) -> FolderSettings:
        path = str(folder.get("image_dir") or folder.get("name") or "")[:1000].replace("\0", "")
        name = folder_name(path) or str(folder.get("name", ""))[:100]
        known = {row[0] for row in names.SUBSET}
        known |= {
            "image_dir",
            "name",
            "num_repeats",
            "is_reg",
            "conditioning_data_dir",
            "alpha_mask",
        }
        self.lost += [not_honoured(f"{name}.{key}") for key in folder if key not in known]
        if folder.get("is_reg"):
            own["is_reg"] = folder["is_reg"]
        if masks := folder.get("conditioning_data_dir"):
            own["mask_folder"] = folder_name(str(masks)[:1000])
        settings = ConceptSettings()
        for key, value in own.items():
            try:
                trial = {**_given(settings), key: value}
                settings = concept_settings_from(trial)
            except RecipeError as error:
                self.lost.append(not_honoured(f"{name}.{key}", str(error).rstrip(".")))
        try:
            repeats = clamped_repeats(folder.get("num_repeats", 1) or 1)
        except RecipeError as error:
            self.lost.append(not_honoured(f"{name}.num_repeats", str(error).rstrip(".")))
            repeats = 1
        return FolderSettings(name, path, repeats, settings)


def _given(settings: ConceptSettings) -> Table:
    from lorabake.core.concept_settings import changed_settings

    return changed_settings(settings)


def last_name(written: str) -> str:
    """The last part of a class's path in small letters: "came_pytorch.CAME.CAME" → "came"."""
    return written.partition("(")[0].rpartition(".")[2].strip().lower().replace("_", "")


def optimizer_name(written: str) -> str | None:
    """Our name of an optimizer in any of its spellings: "Came", "came_pytorch.CAME.CAME" …"""
    last = last_name(written)
    for name, (lets, scripts, others) in names.OPTIMIZERS.items():
        spelled = {name.replace("_", ""), lets.lower(), scripts.rpartition(".")[2].lower(), *others}
        if last in spelled:
            return name
    return None


def scheduler_name(written: str, recipe: Recipe) -> tuple[str, bool]:
    """Our name of a schedule, and whether it is the first REX, whose floor was 0 by default.

    Rex has been called three things: CustomOptimizers.Rex, RexAnnealingWarmRestarts, REX. With one
    cycle the second is the first.
    """
    last = written.rpartition(".")[2].replace("_", "").lower()
    once = recipe.optimizer.lr_scheduler_num_cycles == 1
    if last == "rex":
        return ("rex" if once else "rex_annealing_warm_restarts"), "CustomOptimizers" in written
    if last == "rexannealingwarmrestarts":
        return ("rex" if once else "rex_annealing_warm_restarts"), False
    if last in ("cosineannealingwarmuprestarts", "cosineannealingwarmrestarts"):
        return "cosine_annealing_warm_restarts", False
    return written.lower(), False
