# What the flows of the experience API make of what the system APIs answer.

def millionths: .value | tonumber * 1000000 | round;

def decimal:
  (if . < 0 then "-" else "" end) as $sign
  | (if . < 0 then -. else . end) | tostring | ("0" * (7 - length) // "") + . | .[:-6] + "." + .[-6:]
  | sub("\\.?0+$"; "") | $sign + .;

def total($unit): {value: (map(millionths) | add // 0 | decimal), unit: $unit};

# A part is {part, page} or {part, error}: what could not be had is named.
def missing: [.[] | select(.error) | {part, status: (.error.backendStatus // .error.status), type: (.error.body.type? // .error.type)}];

def items($part): [.[] | select(.part == $part) | .page.items[]?];

# Not more than a hundred, and no decimals.
def progress: if (.quantity | millionths) == 0 then "0" else ([(.confirmed | millionths) * 100 / (.quantity | millionths) | floor, 100] | min | tostring) end;

# Of what is withdrawn in full nobody asks how much there is.
def still_needed: [.components[]? | select((.required | millionths) > (.withdrawn // {value: "0"} | millionths)) | .material] | unique;

# Components of which less is there than is still to be taken.
def shortages($levels):
  [.components // [] | group_by(.material)[] | . as $parts | .[0].required.unit as $unit
    | ([$parts[] | (.required | millionths) - (.withdrawn // {value: "0"} | millionths)] | add) as $open
    | ([$levels[] | select(.material == $parts[0].material) | .available | millionths] | add // 0) as $there
    | select($open > 0 and $there < $open)
    | {material: $parts[0].material, required: {value: ($open | decimal), unit: $unit}, available: {value: ($there | decimal), unit: $unit}}];

def now_text: now | todate;
