# Of script/server: starts processes, waits for what they say, and stops them by their ids. Expects `work`,
# the folder of their logs.
# shellcheck shell=bash

pids=()

say() {
    echo "server: $1"
}

fail() {
    echo "server: $1" >&2
    [ -z "${2:-}" ] || tail -n 40 "$2" >&2
    exit 1
}

# start NAME COMMAND...: its output goes to NAME.log; its pid is `started`.
start() {
    local name=$1
    shift
    : >"$work/$name.log"
    "$@" >"$work/$name.log" 2>&1 &
    started=$!
    pids+=("$started")
}

# Newest first.
stop_all() {
    trap - EXIT INT TERM
    local i
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill "${pids[i]}" 2>/dev/null || true
    done
    wait 2>/dev/null || true
}

# await PID NAME PATTERN: waits until NAME.log has a line that is all of the pattern, and prints what its
# group caught. Says every ten seconds that it still waits.
await() {
    local pid=$1 name=$2 pattern=$3 tenths found
    for ((tenths = 0; tenths < 6000; tenths++)); do
        found=$(sed -n "s#^$pattern\$#\\1#p" "$work/$name.log" | head -n 1)
        if [ -n "$found" ]; then
            echo "$found"
            return 0
        fi
        kill -0 "$pid" 2>/dev/null || return 1
        [ $((tenths % 100)) -ne 99 ] || echo "server: waiting for $name, $(((tenths + 1) / 10)) s" >&2
        sleep 0.1
    done
    return 1
}
