#!/bin/sh
# Sets lorabake up (the first time, and when something changed) and starts it. For Linux and macOS.
#   ./launch.sh                   start, and open the page in the browser
#   ./launch.sh test              set up, and run every check and test
#   ./launch.sh lorabake VERB …   the command line
# This file only finds a Python; the rest is in tools/launch.py.
set -u
unset PYTHONPATH PYTHONHOME CDPATH
export PYTHONUTF8=1

here=$(cd -P -- "$(dirname -- "$0")" && pwd) || exit 1

# Says whether a Python can be used: 0 yes, 3 yes but without venv, else no (and prints its version).
check='
import sys
version = sys.version_info[:2]
if not ((3, 11) <= version <= (3, 13) and sys.maxsize > 2 ** 32):
    print("%d.%d%s" % (version + ("" if sys.maxsize > 2 ** 32 else " (32-bit)",)))
    sys.exit(1)
try:
    import ensurepip, venv
except ImportError:
    sys.exit(3)
'

launch() {
    python=$1
    shift
    exec "$python" "$here/tools/launch.py" "$@"
}

# LORABAKE_PYTHON first, then the environment made earlier, then what is on PATH,
# then the places of pyenv, Homebrew, python.org and uv.
candidates() {
    if [ -n "${LORABAKE_PYTHON:-}" ]; then echo "$LORABAKE_PYTHON"; return; fi
    echo "$here/.venv/bin/python"
    for name in python3.13 python3.12 python3.11 python3 python; do
        command -v "$name" || :
    done
    for place in \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.1[123]*/bin/python3 \
        /opt/homebrew/bin/python3.1[123] /usr/local/bin/python3.1[123] /usr/bin/python3.1[123] \
        /Library/Frameworks/Python.framework/Versions/3.1[123]/bin/python3 \
        "${HOME:-}"/.local/share/uv/python/cpython-3.1[123].*/bin/python3; do
        if [ -x "$place" ]; then echo "$place"; fi
    done
}

seen=
without_venv=
while IFS= read -r candidate; do
    [ -n "$candidate" ] || continue
    answer=$("$candidate" -c "$check" </dev/null 2>/dev/null)
    case $? in
        0) chosen=$candidate; break ;;
        3) # an environment that exists needs no second one
            if [ "$candidate" = "$here/.venv/bin/python" ]; then chosen=$candidate; break; fi
            without_venv=${without_venv:-$candidate} ;;
        1) [ -n "$answer" ] && seen="$seen $answer" ;;
    esac
done <<END
$(candidates)
END

if [ -n "${chosen:-$without_venv}" ]; then
    launch "${chosen:-$without_venv}" "$@"
fi

case $(uname -s 2>/dev/null) in
    Darwin) remedy="Install Python 3.12 from https://www.python.org/downloads/ or with \`brew install python@3.12\`" ;;
    *) remedy="Install Python 3.12 (Debian and Ubuntu: \`sudo apt install python3 python3-venv\`, Fedora: \`sudo dnf install python3.12\`, anywhere: \`uv python install 3.12\`)" ;;
esac
if [ -n "$seen" ]; then
    echo "lorabake needs Python 3.11, 3.12 or 3.13, and only this was found: Python$seen. $remedy, then run ./launch.sh again." >&2
else
    echo "No Python was found; lorabake needs Python 3.11, 3.12 or 3.13. $remedy, then run ./launch.sh again." >&2
fi
exit 1
