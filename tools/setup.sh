#!/usr/bin/env bash
# Installs what a clone needs. Idempotent: each step is skipped when its stamp is newer than its inputs.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

stamp=node_modules/.setup-stamp
if [ ! -f "$stamp" ] || [ package-lock.json -nt "$stamp" ]; then
  say "setup 1/2: npm packages and Node 24 (about 30 s the first time)"
  # Not `npm ci`: it refuses a lock file without the optional packages of platforms that a registry does not serve.
  # `--no-save` takes the versions of the lock file and leaves it untouched.
  npm install --no-save --no-audit --no-fund --loglevel=error
  touch "$stamp"
fi
if [ -f tools/fetch-libxgboost.sh ]; then
  bash tools/fetch-libxgboost.sh
fi
