#!/usr/bin/env bash
# Gets ready what the tests run for real and npm does not bring. Without MLSCHED_REQUIRE_ALL=1 nothing is installed on
# the machine: tests whose component is missing are skipped and say so.
set -euo pipefail
cd "$(dirname "$0")/.."

[ "${MLSCHED_REQUIRE_ALL:-0}" = 1 ] || exit 0

say() { printf '%s\n' "$*" >&2; }

missing=()
command -v prometheus >/dev/null && command -v promtool >/dev/null || missing+=(prometheus)
command -v redis-server >/dev/null || missing+=(redis-server)
command -v prometheus-node-exporter >/dev/null || missing+=(prometheus-node-exporter)
command -v prometheus-alertmanager >/dev/null || command -v alertmanager >/dev/null || missing+=(prometheus-alertmanager)
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "MLSCHED_REQUIRE_ALL=1 needs: ${missing[*]}. Install them (Debian package names), or run as root on Debian."
    exit 1
  fi
  say "installing Debian packages: ${missing[*]}"
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
for requirements in tools/python/requirements-*.txt; do
  name=${requirements#tools/python/requirements-}
  bash tools/python/setup-env.sh "${name%.txt}" >/dev/null
done
say "building the control plane for the integration tests (cached; about 10 min the first time)"
scheduler-plugin/build.sh control-plane plugin >/dev/null
say "building metrics-server for the integration tests (cached; about 4 min the first time)"
scheduler-plugin/metrics-server/build.sh >/dev/null
