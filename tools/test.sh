#!/usr/bin/env bash
# Runs the tests named on the command line, or all of them, and closes with one plain counting line.
set -uo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"

if [ $# -eq 0 ]; then
  mapfile -t files < <(find src test -name '*.test.ts' -not -path 'test/nightly/*' | sort)
else
  files=("$@")
fi
bash tools/setup-test.sh || exit 1
if [ ${#files[@]} -eq 0 ]; then
  echo "no test file found" >&2
  exit 1
fi
report=$(mktemp)
trap 'rm -f "$report"' EXIT
node_modules/node/bin/node --disable-warning=ExperimentalWarning --test --test-concurrency=2 \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=tap --test-reporter-destination="$report" "${files[@]}"
status=$?
count() { sed -n "s/^# $1 \([0-9]*\)$/\1/p" "$report" | tail -n 1; }
passed=$(count pass) failed=$(count fail) skipped=$(count skipped)
if [ "${MLSCHED_REQUIRE_ALL:-0}" = 1 ] && [ "${skipped:-0}" != 0 ]; then
  echo "MLSCHED_REQUIRE_ALL=1: ${skipped} skipped tests count as failures" >&2
  status=1
fi
echo "${passed:-0} passed, ${failed:-0} failed, ${skipped:-0} skipped"
exit "$status"
