"""sd-scripts' two files: `--config_file` (arguments) and `--dataset_config` (folders)."""

from __future__ import annotations

import re
from typing import Any

from lorabake.recipe.exchange.arguments import Arguments, Table, lines, pairs
from lorabake.recipe.exchange.names import DATASET, SUBSET
from lorabake.recipe.exchange.reasons import not_honoured

_LISTS = {
    "network_args": "network",
    "optimizer_args": "optimizer",
    "lr_scheduler_args": "scheduler",
}
_OF_DATASET = {name for name, _, _ in DATASET} | {"resolution"}
_OF_SUBSET = {name for name, _, _ in SUBSET} | {"is_reg", "num_repeats", "alpha_mask"}


_XL = re.compile(r"xl|pony|illustrious|noob", re.I)
ONE_DATASET = "all folders share it; the first data set's is used"


def is_dataset_config(contents: Table) -> bool:
    """Whether this is the file about the folders."""
    return isinstance(contents.get("datasets"), list)


def read_config(contents: Table) -> Arguments:
    """`--config_file`: names of tables mean nothing, all arguments are laid flat."""
    found = Arguments()
    flat: Table = {}
    for key, value in contents.items():
        if isinstance(value, dict):
            flat |= value
        else:
            flat[key] = value
    for key, value in flat.items():
        if key in _LISTS:
            getattr(found, _LISTS[key]).update(pairs(value))
        elif key == "train_batch_size":
            found.dataset["batch_size"] = value
        elif key in _OF_DATASET:
            found.dataset[key] = value
        else:
            found.args[key] = value
    return found


def read_dataset(contents: Table, found: Arguments) -> Arguments:
    """`--dataset_config` laid over the arguments: general, then each data set, then each folder.

    Settings of data sets hold for all folders here; where data sets differ, the first one's count.
    """
    general = _dict(contents.get("general"))
    extension = found.args.get("caption_extension") or ".caption"
    listed = contents.get("datasets", [])
    first: Table = {}
    inherited = {key: value for key, value in general.items() if key in _OF_SUBSET}
    for number, part in enumerate(part for part in listed if isinstance(part, dict)):
        common = general | {key: value for key, value in part.items() if key != "subsets"}
        shared = {key: value for key, value in common.items() if key in _OF_SUBSET}
        whole = {key: value for key, value in common.items() if key not in _OF_SUBSET}
        if number == 0:
            found.dataset |= whole
            first, inherited = whole, shared
        else:
            others = [key for key in [*first, *whole] if first.get(key) != whole.get(key)]
            found.lost += [not_honoured(key, ONE_DATASET) for key in dict.fromkeys(others)]
        subsets = part.get("subsets", [])
        for folder in subsets if isinstance(subsets, list) else []:
            if isinstance(folder, dict):
                found.subsets.append({"caption_extension": extension, **shared, **folder})
    if not found.subsets:
        found.args |= inherited
    found.lost = list(dict.fromkeys(found.lost))
    return found


def looks_like_sdxl(given: Arguments) -> bool:
    """sd-scripts has a program per family; its files show it by the model's name or the sizes."""
    if given.args.get("no_half_vae") or given.args.get("full_bf16"):
        return True
    base = given.args.get("pretrained_model_name_or_path", "")
    if _XL.search(str(base).replace("\\", "/").rpartition("/")[2]):
        return True
    sides = re.findall(r"\d{1,5}", str(given.dataset.get("resolution", "")))
    return any(int(side) >= 1024 for side in sides)


def config_tables(given: Arguments) -> Table:
    """The `--config_file`, in one table."""
    table = {key: value for key, value in given.args.items() if key not in ("sdxl", "warmup_ratio")}
    if ratio := given.args.get("warmup_ratio"):
        table["lr_warmup_steps"] = ratio
    for name, part in (
        ("network_args", given.network),
        ("optimizer_args", given.optimizer),
        ("lr_scheduler_args", given.scheduler),
    ):
        if part:
            table[name] = lines(part)
    return {"training": table}


def dataset_tables(given: Arguments) -> Table:
    """The `--dataset_config`: one data set with all folders."""
    general: dict[str, Any] = dict(given.dataset)
    # A name is a label of LETS's window; sd-scripts refuses keys it does not know.
    subsets = [{k: v for k, v in folder.items() if k != "name"} for folder in given.subsets]
    return {"datasets": [{**general, "subsets": subsets}]}


def _dict(value: Any) -> Table:
    return value if isinstance(value, dict) else {}
