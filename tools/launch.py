"""Set lorabake up and start it. launch.sh and launch.bat find a Python and hand over to this file.

launch                     set up if needed, then start the page and open it in the browser
launch --port 7900 …       the same; everything that begins with -- goes to app.py
launch lorabake VERB …     the headless front door: python -m lorabake VERB …
launch test [ARGUMENT …]   set up, then run format, lint, types, layers and all tests;
                           arguments go to pytest
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from launcher.checks import run_checks
from launcher.environment import Environment, child_environ, prepare
from launcher.failures import COMMAND, LaunchError
from launcher.running import show_running

STOPPED = 130  # what a shell reports after Ctrl+C


def main(arguments: Sequence[str]) -> int:
    env = Environment(Path(__file__).resolve().parents[1])
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    try:
        if verb == "test":
            prepare(env, tests=True)
            return run_checks(env, rest)
        if verb == "lorabake":
            prepare(env)
            # -P: a file named like a module in the user's folder must not be imported instead.
            return hand_over(env, "-P", "-m", "lorabake", *rest)
        if not verb or verb.startswith("-"):
            prepare(env)
            if show_running(env, arguments):
                return 0
            return hand_over(env, str(env.root / "app.py"), *arguments)
    except LaunchError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nStopped. {COMMAND} continues where this left off.", file=sys.stderr)
        return STOPPED
    print((__doc__ or "").strip().replace("launch ", f"{COMMAND} "), file=sys.stderr)
    return 2


def hand_over(env: Environment, *arguments: str) -> int:
    """Go on as the environment's Python; signals, input and exit code are then its own."""
    command = [str(env.python), *arguments]
    environ = child_environ(os.environ)
    sys.stdout.flush()
    if sys.platform == "win32":
        return _wait_for(command, environ)
    return os.execve(command[0], command, environ)


def _wait_for(command: Sequence[str], environ: dict[str, str]) -> int:
    """Windows cannot replace a process, so this one waits for the other."""
    child = subprocess.Popen(command, env=environ)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # Ctrl+C reached the child as well: let it close by itself
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
