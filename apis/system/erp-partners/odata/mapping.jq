# The erp service of the OData server <-> the canonical models of erp-partners. Behind common.jq and lists.jq.

# Lists over all plants name none: this is the system's own.
def own_plant($runtime; $input): plant($runtime; $input) | if . == null or . == "" or . == "-" then "1020" else . end;

def supplier($plant):
  {
    id: .Supplier,
    plant: $plant,
    name: .SupplierName,
    status: (if .IsBlocked then "blocked" else "active" end),
    address: (if .Country == null then null
      else {street: .StreetName, postalCode: .PostalCode, city: .City, country: .Country} | present end),
    email: (.EmailAddress | text_or_null),
    phone: (.PhoneNumber | text_or_null),
    changedAt: .LastChangeDateTime,
    record: {system: "cloud-erp", id: "A_Supplier('\(.Supplier)')"}
  }
  | present;

# Whether a supplier has these already.
def has_contact($new): ({address, email, phone} | present) == ($new | {address, email, phone} | present);

def supplier_field: {id: "Supplier", name: "SupplierName"}[sort_name];
def supplier_query:
  .parameters as $p
  | ({Country: $p.country, IsBlocked: (if $p.status then $p.status == "blocked" else null end)} | present) as $plain
  | odata_query([$plain, since("LastChangeDateTime")] | all_of; supplier_field; "Supplier")
  | if $p.name then .top = 1000 else . end;

# The server's `contains` knows capitals from small letters; ours shall not, so names are compared here.
def named($input): ($input.parameters.name // "" | ascii_downcase) as $part | map(select(.SupplierName | ascii_downcase | contains($part)));

def contact_changes:
  {StreetName: .address.street, PostalCode: .address.postalCode, City: .address.city, Country: .address.country,
   EmailAddress: .email, PhoneNumber: .phone};
