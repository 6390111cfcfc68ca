#!/usr/bin/env bash
# Puts libxgboost.so (and the OpenMP runtime that it was built with) into vendor/xgboost/.
#
# The library comes out of the PyPI wheel xgboost-cpu, pinned by version and SHA-256; nothing is compiled and
# the wheel is never imported as Python. Idempotent. The verified wheel is kept in the user's cache folder, so
# a second clone downloads nothing.
#
# Exit 0: the library is in place, OR this host cannot have it (a warning says so: training is unavailable,
# inference uses the pure TypeScript tree walk). Exit 1: a wheel with the wrong checksum, or a full disk.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly version=3.2.0
readonly target=vendor/xgboost
readonly cache="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/mlsched/wheels"
temporary=''

say() { printf '%s\n' "$*" >&2; }

give_up() {
  say "warning: libxgboost is not installed: $1"
  say "  Training forecasts is unavailable on this host; inference uses the built-in tree walk."
  say "  ${2:-To use a library of your own, set MLSCHED_XGBOOST_LIBRARY to the path of libxgboost.so ${version}.}"
  exit 0
}

clean_up() { [ -z "$temporary" ] || rm -rf "$temporary"; }
trap clean_up EXIT

# Sets platform (pip's tag) and sum (SHA-256 of the wheel) for this host, or gives up.
choose_wheel() {
  [ "$(uname -s)" = Linux ] || give_up "there is no pinned wheel for $(uname -s)"
  case "$(ldd --version 2>&1 || true)" in
    *musl*) give_up "the wheel needs glibc 2.28 or newer and this host has musl" ;;
  esac
  case "$(uname -m)" in
    x86_64 | amd64)
      platform=manylinux_2_28_x86_64
      sum=9c10b1653e1a689bf4094a328144cf3633c9be0e5217a76fbdc2fde6abcb2950
      ;;
    aarch64 | arm64)
      platform=manylinux_2_28_aarch64
      sum=896b9e2bc52ec0921edf92ddd1cebedf47032e94992b7aca0293524d380ce6e9
      ;;
    *) give_up "there is no pinned wheel for $(uname -m)" ;;
  esac
  wheel="xgboost_cpu-${version}-py3-none-${platform}.whl"
}

sha256_of() {
  python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"
}

# Downloads into a scratch folder first: the cache never holds an unverified wheel.
download_wheel() {
  python3 -m pip --version >/dev/null 2>&1 ||
    give_up "python3 with pip is needed to download it" "Install python3-pip, then run 'make setup' again."
  say "downloading libxgboost ${version} (wheel xgboost-cpu, 5 MB)"
  # The Python version is named so that an older host interpreter still finds the wheel.
  if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --python-version 3.12 --platform "$platform" --dest "$temporary/download" "xgboost-cpu==${version}" \
    >"$temporary/pip.log" 2>&1; then
    tail -n 3 "$temporary/pip.log" >&2
    give_up "pip could not download xgboost-cpu ${version}" \
      "Check the network and pip's index, then run 'make setup' again."
  fi
  verify_wheel "$temporary/download/$wheel"
  wheel_file="$temporary/download/$wheel"
}

# A cache that cannot be written costs the next clone a download, nothing else.
keep_wheel() {
  [ "$wheel_file" != "$cache/$wheel" ] || return 0
  if ! { mkdir -p "$cache" && cp "$wheel_file" "$cache/$wheel.$$" && mv -f "$cache/$wheel.$$" "$cache/$wheel"; } 2>/dev/null; then
    say "warning: the wheel could not be kept in $cache"
  fi
}

verify_wheel() {
  local found
  found=$(sha256_of "$1")
  [ "$found" = "$sum" ] && return
  say "error: $1 is not the pinned xgboost-cpu ${version}"
  say "  expected SHA-256 $sum"
  say "  found    SHA-256 $found"
  say "  Do not use this file. Check which package index pip uses (pip config list), then run 'make setup' again."
  exit 1
}

# The layout of the wheel is kept: the library finds its OpenMP runtime by a path relative to itself.
unpack_wheel() {
  python3 - "$wheel_file" "$temporary/unpacked" <<'PYTHON'
import sys, zipfile

with zipfile.ZipFile(sys.argv[1]) as wheel:
    wanted = [n for n in wheel.namelist()
              if n == "xgboost/lib/libxgboost.so" or n.startswith("xgboost_cpu.libs/libgomp")]
    if len(wanted) < 2:
        sys.exit("the wheel holds no libxgboost.so or no libgomp")
    for name in wanted:
        wheel.extract(name, sys.argv[2])
PYTHON
  printf '%s\n' "$sum" >"$temporary/unpacked/wheel.sha256"
  rm -rf "$target"
  # A second set-up that ran at the same time may have been faster: its result is as good.
  mv -T "$temporary/unpacked" "$target" 2>/dev/null || is_installed
}

is_installed() {
  [ "$(cat "$target/wheel.sha256" 2>/dev/null)" = "$sum" ] && [ -f "$target/xgboost/lib/libxgboost.so" ]
}

choose_wheel
if is_installed; then exit 0; fi
command -v python3 >/dev/null ||
  give_up "python3 is needed to unpack the wheel" "Install python3 and python3-pip, then run 'make setup' again."
mkdir -p vendor
# Inside vendor/, so that the last step is a rename on one file system.
temporary=$(mktemp -d vendor/.fetch-XXXXXX)
wheel_file="$cache/$wheel"
if [ ! -f "$wheel_file" ]; then
  download_wheel
elif [ "$(sha256_of "$wheel_file")" != "$sum" ]; then
  say "warning: $wheel_file is damaged and is downloaded again"
  download_wheel
fi
unpack_wheel
keep_wheel
say "libxgboost ${version} is in $target/xgboost/lib"
