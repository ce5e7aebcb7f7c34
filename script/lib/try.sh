# Of script/server: what to try at a gateway, as commands to paste. Expects `url`.
# shellcheck shell=bash

inventory=$url/system/erp-inventory/v1/plants
production=$url/system/erp-production/v1/plants
key="try-$(date +%s)"
confirm() { # WHO PLANT ORDER BODY
    echo "curl -si -H \"Authorization: Bearer \$$1\" -H 'Content-Type: application/json' -H 'Idempotency-Key: \"$key\"' \\
  -d '$4' \\
  $production/$2/production-orders/$3/confirmations"
}
yield='{"yield":{"value":"4","unit":"H87"}}'

titles=() statuses=() commands=()
try() { # TITLE STATUS COMMAND; the status is that of the first line, for --once
    titles+=("$1") statuses+=("$2") commands+=("$3")
}

try "what lies where, in both plants: one question, two ERPs" 200 \
    "curl -si -H \"Authorization: Bearer \$READER\" '$inventory/-/inventory-levels?limit=4'"
try "one order, with its operations" 200 \
    "curl -si -H \"Authorization: Bearer \$READER\" '$production/1020/production-orders/2000001'"
try "a confirmation; paste it twice, it is posted once" 201 \
    "$(confirm WRITER 1020 2000001 "$yield")"
try "more than the order is for: the rule that says no has a name" 422 \
    "$(confirm WRITER 1020 2000001 '{"yield":{"value":"400000","unit":"H87"}}' | sed "s/$key/$key-2/")"
try "a token of plant 1020 at plant 1010" 403 \
    "curl -si -H \"Authorization: Bearer \$LOCAL\" $production/1010/production-orders"
try "a body that breaks the contract: each fault by its place" 400 \
    "$(confirm WRITER 1020 2000001 '{"yield":{"value":4,"unit":"pieces"}}')"
try "which events there are; /events and /stream give them as they happen" 200 \
    "curl -si -H \"Authorization: Bearer \$READER\" $url/system/events/v1/types"
if [ -n "$machines_url" ]; then
    try "a machine breaks down, and what a signal says of it a quarter of a minute later" 200 \
        "curl -s -d '{\"kind\":\"breakdown\",\"target\":\"cnc-1\"}' $machines_url/faults; curl -si -H \"Authorization: Bearer \$READER\" '$url/system/events/v1/events?type=com.millgate.iot.machine-down.v1&wait=PT40S'"
fi
try "a limit that is reached" 429 \
    "for i in \$(seq 30); do curl -s -o /dev/null -w '%{http_code} ' -H \"Authorization: Bearer \$BUSY\" $production/1020/production-orders/2000001; done; echo"

print_tries() {
    local i
    for i in "${!commands[@]}"; do
        printf '# %s (%s)\n%s\n\n' "${titles[$i]}" "${statuses[$i]}" "${commands[$i]}"
    done
}

# Each prints `TITLE (STATUS): what came first`.
run_tries() {
    local i
    for i in "${!commands[@]}"; do
        printf '%s (%s): ' "${titles[$i]}" "${statuses[$i]}"
        bash -c "${commands[$i]}" | tr -d '\r' | head -n 1
    done
}
