# What the mappings of all system APIs share.

# --- who and where ---

# The plant that is asked for: in a landscape the key by which the call was routed.
def plant($runtime; $input): $runtime.metadata.key? // $input.parameters.plant;

# --- values ---

# Members that are null are absent.
def present: with_entries(select(.value != null));

def text_or_null: if . == null or . == "" then null else tostring end;

# Tryton on SQLite writes truth as 1 and 0.
def truth: . == true or . == 1;

# A decimal as text: without an exponent, with no digit lost.
def decimal_text:
  if type == "string" then . else tostring end
  | if test("[eE]") then tonumber * 1000000 | round | tostring
      | if length > 6 then .[:-6] + "." + .[-6:] else "0." + ("000000" + .)[-6:] end
    else . end;

def quantity($value; $unit): if $value == null then null else {value: ($value | decimal_text), unit: $unit} end;

# --- tags ---

def tag: "\"\(.)\"";

# `W/"x"` of an OData server is `"x"` here.
def strong: ltrimstr("W/");

def answer($version): {body: ., headers: {etag: ($version | tag)}};

# --- pages: the cursor is {s: the order, v: its value of the last item, k: the last item's key} ---

def limit: .parameters.limit // 50;
def sort_name: .parameters.sort // "id" | ltrimstr("-");
def is_descending: .parameters.sort // "" | startswith("-");

def cursor:
  .parameters as $parameters
  | if $parameters.cursor == null then null
    else ($parameters.cursor | gsub("-"; "+") | gsub("_"; "/") | . + "===="[:(4 - length % 4) % 4]
          | (try (@base64d | fromjson) catch null))
      | if type == "object" and .s == ($parameters.sort // "id") then . else "wrong" end
    end;

def cursor_text: tojson | @base64 | gsub("\\+"; "-") | gsub("/"; "_") | gsub("="; "");

# Of rows in the source's own form, one more than the page has: `{items, next?}`; `item` makes one
# item of a row, `key` is what the next page begins behind: {v, k}.
def page($input; item; key):
  ($input | limit) as $limit
  | {items: [.[:$limit][] | item]}
    + (if length > $limit then {next: (.[$limit - 1] | key + {s: ($input.parameters.sort // "id")} | cursor_text)} else {} end);

# OData: the filter beyond the last item. `$field` and `$key` are names, `mark` turns the sort value
# into what the filter takes.
def beyond($field; $key; mark):
  cursor as $at
  | is_descending as $down
  | (if $down then "lt" else "gt" end) as $after
  | if $at == null then {}
    elif $field == $key then {($key): {($after): $at.k}}
    else {"$or": ([{($field): ($at.v | mark), ($key): {($after): $at.k}}]
      + (if $at.v == null then (if $down then [] else [{($field): {ne: null}}] end)
         else [{($field): {($after): ($at.v | mark)}}] + (if $down then [{($field): null}] else [] end) end))}
    end;

def in_order($field; $key):
  (if is_descending then " desc" else "" end) as $down
  | if $field == $key then "\($key)\($down)" else "\($field)\($down),\($key)\($down)" end;

# Tryton: the same as a domain and an order, `id` being the key.
def beyond_domain($field; mark):
  cursor as $at
  | is_descending as $down
  | (if $down then "<" else ">" end) as $after
  | if $at == null then []
    elif $at.v == null then [["OR", [[$field, "=", null], ["id", $after, $at.k]]] + (if $down then [] else [[$field, "!=", null]] end)]
    else [["OR", [[$field, "=", ($at.v | mark)], ["id", $after, $at.k]], [$field, $after, ($at.v | mark)]]
      + (if $down then [[$field, "=", null]] else [] end)] end;

def order_by($field): (if is_descending then "DESC" else "ASC" end) as $way | [[$field, $way], ["id", $way]];

# What was created, with where it is read: a reference relative to the list's path.
def created($list; $version): {body: ., status: 201, headers: {etag: ($version | tag), location: "\($list)/\(.id)"}};
