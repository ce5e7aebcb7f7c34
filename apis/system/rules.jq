# What the conditions of rules.yaml may use beside jq's own (docs/rules.md).

# A quantity in millionths of its unit: sums and comparisons are exact up to 9007199254 units.
def millionths: .value | tonumber * 1000000 | round;

# So much more, in per cent as text ("12.5"); what is below a millionth is dropped.
def plus_percent($percent): . + (. * ($percent | tonumber * 1000 | round) / 100000 | floor);

# The line of one of the purchase orders that a line of a delivery names, or null.
def ordered_line($orders):
  . as $line
  | [$orders[] | select(.id == $line.purchaseOrder) | .lines[] | select(.line == $line.purchaseOrderLine)]
  | first;
