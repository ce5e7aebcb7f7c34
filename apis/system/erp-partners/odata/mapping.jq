# The erp service of the OData server <-> the canonical models of erp-partners. Behind common.jq and lists.jq.

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

def supplier_field: {id: "Supplier", name: "SupplierName"}[sort_name];
def supplier_query:
  .parameters as $p
  | ({Country: $p.country, IsBlocked: (if $p.status then $p.status == "blocked" else null end)} | present) as $plain
  | (if $p.name then {SupplierName: {contains: $p.name}} else {} end) as $name
  | odata_query([$plain, $name, since("LastChangeDateTime")] | all_of; supplier_field; "Supplier");

def contact_changes:
  {StreetName: .address.street, PostalCode: .address.postalCode, City: .address.city, Country: .address.country,
   EmailAddress: .email, PhoneNumber: .phone};
