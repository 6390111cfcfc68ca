#!/usr/bin/env bash
# Builds the real metrics-server that the tests run, from its Go module (cold: about 4 min of one core). It has a go.mod
# of its own because its Kubernetes libraries differ from the control plane's. The binary goes to the user's cache, into a
# folder named by go.mod, go.sum and this script; the folder is printed.
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '%s\n' "$*" >&2; }

command -v go >/dev/null || { say "build.sh needs Go 1.26 or newer on PATH: install it from your distribution or from go.dev"; exit 1; }
out=${MLSCHED_METRICS_SERVER_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/mlsched/metrics-server/$(cat go.mod go.sum build.sh | sha256sum | cut -c1-16)}
file=$out/metrics-server
if [ ! -x "$file" ]; then
  say "building metrics-server (cold: about 4 minutes)"
  mkdir -p "$out"
  CGO_ENABLED=0 GOFLAGS="-mod=readonly -buildvcs=false -trimpath" \
    nice -n 10 go build -p 2 -ldflags "-s -w" -o "$file.$$.tmp" sigs.k8s.io/metrics-server/cmd/metrics-server
  # No half-written binary is left behind under the name that the tests look for.
  mv "$file.$$.tmp" "$file"
fi
printf '%s\n' "$out"
