#!/bin/sh
# Schema validation from bytes: millgate and jansson against ajv, in one run; and what large documents
# cost. A line of JSON for each measurement, then a table with the ratios and the bars.
#
#   tests/bench/schema.sh [BUILD_FOLDER]     default: build/release, configured with -DMILLGATE_BENCH=ON
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build/release}
cases=$(mktemp -d)
trap 'rm -rf "$cases"' EXIT

[ -d "$root/tests/bench/ajv/node_modules" ] || npm ci --silent --prefix "$root/tests/bench/ajv"
node "$root/tests/bench/schema_cases.mjs" "$cases" "${MILLGATE_SUITES:-$root/../shared/suites}"
for case in "$cases"/*.case.json; do # one after the other, so that the machine treats both alike
    mkdir "$cases/one"
    cp "${case%.case.json}".*.json "$cases/one"
    "$build/tests/bench.schema" "$cases/one"
    node "$root/tests/bench/schema_ajv.mjs" "$cases/one"
    rm -r "$cases/one"
done | tee "$cases/lines"
{
    "$build/tests/bench.large" "$cases/large/openapi.json"
    "$build/tests/bench.large" "$cases/large/definitions.json" '/$defs'
} | tee -a "$cases/lines"
node "$root/tests/bench/schema_summary.mjs" "$cases/lines" "$cases/large/expected.json"
