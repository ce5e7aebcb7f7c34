# Lists of equipment, whichever system it is of.

# Few enough to be sorted and cut here; `.` are all of them.
def equipment_page($input):
  ($input | cursor) as $at
  | ($input | is_descending) as $down
  | [.[] | select(($input.parameters.level // .level) == .level and ($input.parameters.parent // .parent) == .parent
      and ($input.parameters.status // .status) == .status)]
  | sort_by([.id, .plant]) | if $down then reverse else . end
  | map([.id, .plant] as $own | select($at == null or (if $down then $own < $at.k else $own > $at.k end)))
  | page($input; .; {v: null, k: [.id, .plant]});
