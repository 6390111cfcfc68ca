#!/usr/bin/env bash
# Makes the virtual environment of the parity tests and prints the path of its Python on standard output.
#
#   setup-parity.sh          create it when it is not there (about 30 s, 100 MB)
#   setup-parity.sh --find   only look: exit 3 when it is not there
#
# It lives in the user's cache folder under the hash of the pinned requirements: a changed pin makes a new one.
set -euo pipefail
cd "$(dirname "$0")"

hash=$(python3 -c 'import hashlib; print(hashlib.sha256(open("requirements-parity.txt", "rb").read()).hexdigest()[:12])')
home="${XDG_CACHE_HOME:-$HOME/.cache}/mlsched/parity-$hash"

is_complete() { [ -f "$home/complete" ] && [ -x "$home/bin/python" ]; }

create() {
  rm -rf "$home"
  printf 'creating the Python environment of the parity tests in %s\n' "$home" >&2
  python3 -m venv "$home"
  "$home/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary=:all: \
    --requirement requirements-parity.txt >&2
  touch "$home/complete"
}

if ! is_complete; then
  [ "${1:-}" != --find ] || exit 3
  mkdir -p "$(dirname "$home")"
  # Two test files may ask at the same time: the second waits and finds it done.
  exec 9>"$home.lock"
  flock 9
  is_complete || create
fi
printf '%s\n' "$home/bin/python"
