# Tryton <-> the canonical models of erp-partners. Behind common.jq and lists.jq.

# Lists over all plants name none: this is the system's own.
def own_plant($runtime; $input): plant($runtime; $input) | if . == null or . == "" or . == "-" then "1010" else . end;

def supplier_fields: ["code", "name", "active", "addresses.street", "addresses.postal_code", "addresses.city", "addresses.country.code",
  "email", "phone", "lang.code", "tax_identifier.code", "write_date", "create_date", "_timestamp", "addresses._timestamp",
  "contact_mechanisms.type", "contact_mechanisms.value", "contact_mechanisms._timestamp"];

def supplier($plant):
  (.addresses // [] | first) as $at
  | {
      id: .code,
      plant: $plant,
      name: .name,
      status: (if .active | truth then "active" else "blocked" end),
      address: (if $at.country.code == null then null else
        {street: ($at.street | text_or_null), postalCode: $at.postal_code, city: $at.city, country: $at.country.code} | present end),
      email: (.email | text_or_null),
      phone: (.phone | text_or_null),
      language: (.lang.code | if . then gsub("_"; "-") else null end),
      taxId: .tax_identifier.code,
      changedAt: (.write_date // .create_date),
      record: {system: "plant1-erp", id: "party.party,\(.id)"}
    }
  | present;

# Its parts change without it.
def supplier_version: [._timestamp, ([(.addresses // [])[], (.contact_mechanisms // [])[] | ._timestamp] | max), (.contact_mechanisms // [] | length)] | map(tostring) | join("-");

# Whether a supplier has these already.
def has_contact($new): ({address, email, phone} | present) == ($new | {address, email, phone} | present);

def supplier_field: {id: "code", name: "name"}[sort_name];
def supplier_domain($plant):
  .parameters as $p
  | [["code", "!=", null], ["code", "!=", $plant], ["active", "in", (if $p.status then [$p.status == "active"] else [true, false] end)]]
    + equal_domain("addresses.country.code"; $p.country)
    + (if $p.name then [["name", "ilike", "%\($p.name | gsub("(?<c>[%_\\\\])"; "\\\(.c)"))%"]] else [] end)
    + since_domain;

# One write: the address, and mail and phone anew where they are others.
def contact_values($new; $country):
  . as $party
  | {street: $new.address.street, postal_code: $new.address.postalCode, city: $new.address.city, country: $country} as $address
  | (.addresses // [] | first) as $at
  | {
      addresses: (if $at then [["write", [$at.id], $address]] else [["create", [$address]]] end),
      contact_mechanisms: ([["email", $new.email], ["phone", $new.phone]]
        | map(.[0] as $type | .[1] as $value
            | [$party.contact_mechanisms[]? | select(.type == $type) | .id] as $old
            | (if ($old | length) > 0 then ["delete", $old] else empty end),
              (if $value then ["create", [{type: $type, value: $value}]] else empty end)))
    };
