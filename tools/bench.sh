#!/usr/bin/env bash
# Runs the benches named on the command line (file names without .bench.ts), or all of them, one after another.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -eq 0 ]; then
  mapfile -t names < <(find test/bench -name '*.bench.ts' -exec basename {} .bench.ts \; | sort)
else
  names=("$@")
fi
for name in "${names[@]}"; do
  printf 'bench: %s\n' "$name" >&2
  node_modules/node/bin/node --disable-warning=ExperimentalWarning "test/bench/$name.bench.ts"
done

