#!/bin/sh
# Schema validation from bytes: millgate against ajv, in turns (see schema_rounds.mjs), and jansson; and
# what large documents cost. A table with the ratios and the bars; with -v, a line of JSON for each
# measurement before it.
#
#   tests/bench/schema.sh [-v] [BUILD_FOLDER]     default: build/release, configured with -DMILLGATE_BENCH=ON
set -eu
is_verbose=false
if [ "${1:-}" = -v ]; then
    is_verbose=true
    shift
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build/release}
cases=$(mktemp -d)
trap 'rm -rf "$cases"' EXIT

[ -d "$root/tests/bench/ajv/node_modules" ] || npm ci --silent --prefix "$root/tests/bench/ajv"
node "$root/tests/bench/schema_cases.mjs" "$cases" "${MILLGATE_SUITES:-$root/../shared/suites}"
node "$root/tests/bench/schema_rounds.mjs" "$build/tests/bench.schema" "$cases" >"$cases/lines"
{
    "$build/tests/bench.large" "$cases/large/openapi.json"
    "$build/tests/bench.large" "$cases/large/definitions.json" '/$defs'
} >>"$cases/lines"
if $is_verbose; then cat "$cases/lines"; fi
node "$root/tests/bench/schema_summary.mjs" "$cases/lines" "$cases/large/expected.json"
