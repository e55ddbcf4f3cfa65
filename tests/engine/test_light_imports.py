"""A model is loaded without the libraries that it does not need; who needs them still gets them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.tiny import tiny_sdxl_folder

PROGRAM = """
import sys
from pathlib import Path
from lorabake.engine.families import load_model
from lorabake.train import loop
load_model(Path(sys.argv[1]))
unwanted = [name for name in ("peft", "bitsandbytes", "torchvision", "lycoris") if name in sys.modules]
assert not unwanted, unwanted
import peft, bitsandbytes, torchvision, scipy.stats
assert peft.LoraConfig(r=4).r == 4
"""


def test_loading_a_model_loads_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    base = tiny_sdxl_folder(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(base)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
