#!/bin/sh
# Schema validation from bytes: millgate and jansson against ajv, in one run.
#
#   tests/bench/schema.sh [BUILD_FOLDER]     default: build/release, configured with -DMILLGATE_BENCH=ON
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build/release}
cases=$(mktemp -d)
trap 'rm -rf "$cases"' EXIT

[ -d "$root/tests/bench/ajv/node_modules" ] || npm ci --silent --prefix "$root/tests/bench/ajv"
node "$root/tests/bench/schema_cases.mjs" "$cases" "${MILLGATE_SUITES:-$root/../shared/suites}"
"$build/tests/bench.schema" "$cases"
node "$root/tests/bench/schema_ajv.mjs" "$cases"
