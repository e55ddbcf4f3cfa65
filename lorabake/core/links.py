"""Links in a workspace: they lead nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

from lorabake.core.names import shown


def leads_out(path: Path) -> bool:
    """Is it a link to something outside of the workspace that it lies in?

    The page shows what lies in a workspace, also to guests. A folder of pictures elsewhere is its
    owner's alone, and may be made of links.
    """
    if not path.is_symlink():
        return False
    homes = (one.parent for one in path.absolute().parents if one.name == "projects")
    home = next((one for one in homes if (one / "workspace.json").is_file()), None)
    return home is not None and not Path(os.path.realpath(path)).is_relative_to(home.resolve())


def link_sentence(path: Path) -> str:
    """Why such a link is left out, and what to do."""
    return (
        f"{shown(path.name)} is a link to another place, and links are not followed: put the real "
        "file or folder there, or import the pictures."
    )
