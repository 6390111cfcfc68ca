#!/usr/bin/env bash
# Makes one of the Python environments that tests and benches run and prints the path of its Python on standard output.
#
#   setup-env.sh NAME          create it from requirements-NAME.txt when it is not there
#   setup-env.sh NAME --find   only look: exit 3 when it is not there
#
# It lives in the user's cache folder under the hash of the pinned requirements: a changed pin makes a new one. Sets whose
# pins contradict each other have an environment each. Installed by uv, which is several times as fast as pip.
set -euo pipefail
cd "$(dirname "$0")"

name=${1:?usage: setup-env.sh NAME [--find]}
requirements=requirements-$name.txt
[ -f "$requirements" ] || { printf 'there is no %s in tools/python\n' "$requirements" >&2; exit 2; }
hash=$(sha256sum "$requirements" | cut -c1-12)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/mlsched/python"
home="$cache/$name-$hash"

is_complete() { [ -f "$home/complete" ] && [ -x "$home/bin/python" ]; }

# One uv for all environments, itself from the package index.
ensure_uv() {
  uv="$cache/uv-0.13.9/bin/uv"
  [ -x "$uv" ] && return 0
  python3 -m venv "$cache/uv-0.13.9"
  "$cache/uv-0.13.9/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary=:all: uv==0.13.9 >&2
}

create() {
  rm -rf "$home"
  printf 'creating the Python environment %s in %s\n' "$name" "$home" >&2
  ensure_uv
  python3 -m venv --without-pip "$home"
  "$uv" pip install --quiet --python "$home/bin/python" --only-binary :all: --requirement "$requirements" >&2
  touch "$home/complete"
}

if ! is_complete; then
  [ "${2:-}" != --find ] || exit 3
  mkdir -p "$cache"
  # Two test files may ask at the same time: the second waits and finds it done.
  exec 9>"$cache/lock"
  flock 9
  is_complete || create
fi
printf '%s\n' "$home/bin/python"
