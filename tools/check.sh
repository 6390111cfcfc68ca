#!/usr/bin/env bash
# Cheapest checks first; the first failure stops and names itself.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"

step() { printf 'check: %s\n' "$1" >&2; shift; "$@"; }

step format prettier --check --log-level warn .
step types tsc
step lint oxlint --type-aware
step 'dead code' knip
step 'generated pages' node_modules/node/bin/node tools/generate-docs.ts --check
