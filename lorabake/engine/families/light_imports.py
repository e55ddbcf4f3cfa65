"""Importing diffusers without libraries that it looks for and that loading a model never uses.

peft and bitsandbytes bring torch's compiler and kernels of their own along, torchvision and scipy
much of themselves: nearly 4 s of processor time before each bake and each grid. Whoever needs one of
them imports it himself, before or afterwards.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

UNUSED = ("peft", "bitsandbytes", "torchvision", "scipy")


@contextmanager
def light_imports() -> Iterator[None]:
    """Within, an import of these libraries fails, unless they were there already."""
    hidden = [name for name in UNUSED if name not in sys.modules]
    # None is Python's own mark for "cannot be imported"; the libraries' checks understand it.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
