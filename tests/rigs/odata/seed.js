'use strict';

// Plant 2 (1020), seeded through the server's own API: a hundred materials with their bills, lots and
// stock, suppliers, orders of all kinds in all states. The same on every start.

const PLANT = '1020';
const COMPANY = '1020';
const BATCH = 60; // requests of one $batch

const FAMILIES = [
  ['PUMP', 'Centrifugal pump', 'FERT', ['NW25', 'NW32', 'NW40', 'NW50', 'NW65', 'NW80', 'NW100', 'NW125']],
  ['VALVE', 'Ball valve', 'FERT', ['DN15', 'DN20', 'DN25', 'DN32', 'DN40', 'DN50', 'DN65', 'DN80']],
  ['MOTOR', 'Asynchronous motor', 'HALB', ['0.55KW', '1.1KW', '2.2KW', '4KW', '7.5KW', '11KW']],
  ['HOUSING', 'Cast housing', 'HALB', ['A1', 'A2', 'A3', 'B1', 'B2', 'B3', 'C1', 'C2']],
  ['IMPELLER', 'Impeller, bronze', 'HALB', ['120', '140', '160', '180', '200', '220']],
  ['SHAFT', 'Shaft, 1.4021', 'HALB', ['18X240', '22X280', '28X320', '32X360', '38X400']],
  ['BEARING', 'Deep groove ball bearing', 'ROH', ['6202', '6203', '6204', '6205', '6206', '6207', '6208', '6304']],
  ['SEAL', 'Mechanical seal', 'ROH', ['16', '20', '24', '28', '32', '38']],
  ['ORING', 'O-ring NBR 70', 'ROH', ['20X2', '24X2', '30X3', '36X3', '42X3', '50X4', '60X4']],
  ['SCREW', 'Hexagon screw 8.8', 'ROH', ['M6X20', 'M8X25', 'M8X40', 'M10X30', 'M10X50', 'M12X40', 'M12X60', 'M16X60']],
  ['GASKET', 'Flat gasket', 'ROH', ['DN25', 'DN32', 'DN40', 'DN50', 'DN65', 'DN80']],
  ['PAINT', 'Two-component paint', 'ROH', ['RAL5010', 'RAL7016', 'RAL9005', 'RAL3020']],
  ['CAST', 'Cast iron EN-GJL-250', 'ROH', ['RAW']],
  ['BAR', 'Round bar 1.4021', 'ROH', ['D20', 'D25', 'D32', 'D40']],
  ['GREASE', 'Bearing grease', 'ROH', ['LI2', 'HT3']],
  ['LABEL', 'Type plate', 'VERP', ['S', 'M', 'L']],
  ['CARTON', 'Carton with inlay', 'VERP', ['300', '400', '600', '800']],
  ['PALLET', 'Pallet, ISPM 15', 'VERP', ['EUR', 'HALF']],
];
const UNITS = { PAINT: 'KG', CAST: 'KG', BAR: 'M', GREASE: 'KG' };
const SUPPLIERS = [
  ['27400001', 'Giesserei Oberland AG', 'CH', 'Thun'], ['27400002', 'Kugellager Vertrieb Ost GmbH', 'DE', 'Leipzig'],
  ['27400003', 'Dichtungstechnik Weber KG', 'DE', 'Hagen'], ['27400004', 'Acciai Speciali Brescia S.p.A.', 'IT', 'Brescia'],
  ['27400005', 'Motoren Nowak Sp. z o.o.', 'PL', 'Poznan'], ['27400006', 'Boulonnerie Lyonnaise SA', 'FR', 'Lyon'],
  ['27400007', 'Lackwerk Elbe GmbH', 'DE', 'Magdeburg'], ['27400008', 'Papel y Carton Norte SL', 'ES', 'Bilbao'],
  ['27400009', 'Schmierstoffe Reiter', 'AT', 'Linz'], ['27400010', 'Nordic Castings Oy', 'FI', 'Tampere'],
  ['27400011', 'Brouwer Staal BV', 'NL', 'Utrecht'], ['27400012', 'Etikett & Schild GmbH', 'DE', 'Bamberg'],
];
const MACHINES = [
  ['LATHE-1', 'CNC lathe', 'TURN-1'], ['LATHE-2', 'CNC lathe', 'TURN-1'], ['MILL-1', 'Machining centre, 5 axes', 'MILL-1'],
  ['MILL-2', 'Machining centre, 4 axes', 'MILL-1'], ['GRIND-1', 'Cylindrical grinder', 'GRIND-1'], ['BALANCE-1', 'Balancing machine', 'BAL-1'],
  ['PRESS-1', 'Bearing press', 'ASSY-1'], ['BENCH-1', 'Assembly bench', 'ASSY-1'], ['BENCH-2', 'Assembly bench', 'ASSY-2'],
  ['TEST-1', 'Hydraulic test stand', 'TEST-1'], ['TEST-2', 'Hydraulic test stand', 'TEST-1'], ['PAINT-1', 'Paint booth', 'PAINT-1'],
  ['WASH-1', 'Parts washer', 'WASH-1'], ['CRANE-1', 'Bridge crane, 3.2 t', 'ASSY-1'], ['COMP-1', 'Screw compressor', 'UTIL-1'],
];
const CUSTOMERS = ['Stadtwerke Rheintal', 'Aqua Vendee SAS', 'Molkerei Almgrund eG', 'Chem Port Gdynia', 'Kraftwerk Inntal'];

const pad = (number, width) => String(number).padStart(width, '0');
const day = (offset) => new Date(Date.UTC(2026, 10, 16) + offset * 86_400_000).toISOString().slice(0, 10);
const stamp = (offset, hour) => `${day(offset)}T${pad(hour, 2)}:00:00Z`;
const kindOf = (material) => material.slice(0, material.indexOf('-'));
const unitOf = (material) => UNITS[kindOf(material)] ?? 'PC';

const MATERIALS = FAMILIES.flatMap(([kind, text, type, sizes], family) =>
  sizes.map((size, i) => ({
    Material: `${kind}-${size}`, MaterialDescription: `${text} ${size}`, MaterialType: type,
    MaterialGroup: pad(family + 1, 3), BaseUnit: UNITS[kind] ?? 'PC', NetWeight: ((family + 1) * (i + 2)) / 8, WeightUnit: 'KG',
    StandardPrice: ((family % 7) + 1) * (i + 1) * 3.25, Currency: 'EUR',
  })));
const MADE = MATERIALS.filter(({ MaterialType }) => MaterialType === 'FERT');
const HALF = MATERIALS.filter(({ MaterialType }) => MaterialType === 'HALB');
const BOUGHT = MATERIALS.filter(({ MaterialType }) => MaterialType === 'ROH' || MaterialType === 'VERP');

function billOf({ Material }, i) {
  const pick = (kind, n) => MATERIALS.filter((m) => kindOf(m.Material) === kind)[n % FAMILIES.find(([k]) => k === kind)[3].length].Material;
  const parts = kindOf(Material) === 'PUMP'
    ? [['HOUSING', 1], ['IMPELLER', 1], ['SHAFT', 1], ['MOTOR', 1], ['BEARING', 2], ['SEAL', 1], ['ORING', 3], ['SCREW', 8], ['LABEL', 1], ['CARTON', 1]]
    : [['HOUSING', 1], ['SEAL', 2], ['ORING', 2], ['SCREW', 4], ['GASKET', 2], ['CARTON', 1]];
  return parts.map(([kind, quantity], line) => ({
    Material, Plant: PLANT, BillOfMaterialItem: pad((line + 1) * 10, 4),
    Component: pick(kind, i), ComponentQuantity: quantity, ComponentUnit: UNITS[kind] ?? 'PC',
  }));
}

const lotOf = (i) => `L26${pad(i + 1, 4)}`;

function batches() {
  return MATERIALS.map(({ Material, MaterialType }, i) => ({
    Material, Plant: PLANT, Batch: lotOf(i), BatchStatus: i % 17 === 16 ? 'BLKD' : i % 23 === 22 ? 'QINS' : 'FREE',
    ManufactureDate: day(-40 + (i % 30)),
    ...(kindOf(Material) === 'PAINT' || kindOf(Material) === 'GREASE' ? { ShelfLifeExpirationDate: day(300) } : {}),
    ...(MaterialType === 'ROH' ? { Supplier: SUPPLIERS[i % SUPPLIERS.length][0], SupplierBatch: `S-${1000 + i * 7}` } : {}),
  }));
}

const stocks = () => MATERIALS.map(({ Material, BaseUnit }, i) => ({
  Material, Plant: PLANT, StorageLocation: i % 3 === 0 ? '102A' : '102B', Batch: lotOf(i), BaseUnit,
  Quantity: ((i * 37) % 400) + 25 + (BaseUnit === 'PC' ? 0 : 0.125),
}));

const LOCATIONS = [
  ['102A', 'Hall A'], ['102B', 'Hall B'], ['102L', 'Beside the lines'], ['102Q', 'Quarantine'],
  ['A-01', 'Hall A, rack 1', '102A'], ['A-02', 'Hall A, rack 2', '102A'],
].map(([StorageLocation, StorageLocationName, ParentStorageLocation]) => ({
  Plant: PLANT, StorageLocation, StorageLocationName, ParentStorageLocation, StorageLocationType: ParentStorageLocation ? 'UNIT' : 'ZONE',
}));

const CENTERS = [
  ['ASSY-1', 'Assembly, line 1', 'HALL-2', 48.5], ['ASSY-2', 'Assembly, line 2', 'HALL-2', 48.5], ['BAL-1', 'Balancing', 'HALL-1', 55],
  ['GRIND-1', 'Grinding', 'HALL-1', 61.25], ['MILL-1', 'Milling', 'HALL-1', 72], ['PAINT-1', 'Painting', 'HALL-3', 39.75],
  ['TEST-1', 'Pressure test', 'HALL-2', 58], ['TURN-1', 'Turning', 'HALL-1', 64], ['WASH-1', 'Washing', 'HALL-3', 28, 'DOWN'],
].map(([WorkCenter, WorkCenterText, WorkCenterGroup, PricePerHour, WorkCenterStatus = 'AVLB']) => ({
  Plant: PLANT, WorkCenter, WorkCenterText, WorkCenterGroup, PricePerHour, Currency: 'EUR', WorkCenterStatus,
}));

// Stock that nothing else is done with: of the labels, which nobody counts.
const transfers = () => [1, 2, 3].map((i) => ({
  TransferOrder: String(3400000000 + i), Plant: PLANT, IssuingStorageLocation: '102B', ReceivingStorageLocation: '102L', PlannedDate: day(i), ReferenceNumber: `KANBAN-${i}`,
  to_TransferOrderItem: [{ Material: 'LABEL-L', Batch: lotOf(MATERIALS.findIndex(({ Material }) => Material === 'LABEL-L')), Quantity: i, QuantityUnit: 'PC' }],
}));

const OPERATIONS = [
  ['0010', 'MILL-1', 'Machine housing', 18.5], ['0020', 'ASSY-1', 'Assemble', 24], ['0030', 'TEST-1', 'Pressure test', 9.25], ['0040', 'PAINT-1', 'Paint and label', 12],
];

const productionOrders = () => Array.from({ length: 40 }, (_, i) => ({
  ManufacturingOrder: String(2000001 + i), Material: MADE[i % MADE.length].Material, ProductionPlant: PLANT,
  TotalQuantity: 10 + (i % 8) * 5, ProductionUnit: 'PC', PlannedStartDate: day(i - 15), PlannedEndDate: day(i - 10),
  to_ProductionOrderOperation: OPERATIONS.map(([ManufacturingOrderOperation, WorkCenter, OperationText, StandardTimeMinutes]) =>
    ({ ManufacturingOrderOperation, WorkCenter, OperationText, StandardTimeMinutes })),
}));

// The first half is released; of these the first ten are under way.
const RELEASED = Array.from({ length: 20 }, (_, i) => String(2000001 + i));
const confirmations = () => RELEASED.slice(0, 10).flatMap((ManufacturingOrder, i) =>
  OPERATIONS.slice(0, 1 + (i % 3)).map(([ManufacturingOrderOperation]) => ({
    ManufacturingOrder, ManufacturingOrderOperation, ConfirmationYieldQuantity: 4 + (i % 3), ConfirmationScrapQuantity: i % 4 === 3 ? 1 : 0,
    ConfirmationDateTime: stamp(i - 12, 14), PersonnelNumber: pad(4100 + i, 8),
  })));

const purchaseOrders = () => Array.from({ length: 30 }, (_, i) => ({
  PurchaseOrder: String(4600000001 + i), Supplier: SUPPLIERS[i % SUPPLIERS.length][0], CompanyCode: COMPANY, DocumentCurrency: 'EUR',
  PurchaseOrderDate: day(i - 30), SupplierReference: `AB-26-${2000 + i}`,
  to_PurchaseOrderItem: [0, 1].map((k) => BOUGHT[(i * 2 + k) % BOUGHT.length]).map(({ Material, StandardPrice }, k) => ({
    PurchaseOrderItem: pad((k + 1) * 10, 5), Material, Plant: PLANT, OrderQuantity: 50 + ((i * 30) % 700), OrderUnit: unitOf(Material),
    NetPriceAmount: StandardPrice, DeliveryDate: day(i % 25),
  })),
}));

const purchaseConfirmations = () => purchaseOrders().slice(0, 12).map(({ PurchaseOrder, to_PurchaseOrderItem: [item] }, i) => ({
  PurchaseOrder, PurchaseOrderItem: item.PurchaseOrderItem, ConfirmedQuantity: item.OrderQuantity / 2, DeliveryDate: day((i % 25) + 2),
  SupplierReference: `OC-${7000 + i}`,
}));

const deliveries = () => purchaseOrders().slice(0, 8).map(({ PurchaseOrder, Supplier, to_PurchaseOrderItem: [item] }, i) => ({
  Supplier, Plant: PLANT, ShippingDate: day(i), PlannedArrivalDateTime: stamp(i + 2, 9), BillOfLading: `CMR-${90210 + i}`,
  to_InboundDeliveryItem: [{
    Material: item.Material, DeliveryQuantity: item.OrderQuantity / 2, DeliveryUnit: item.OrderUnit, SupplierBatch: `S-${5000 + i}`,
    PurchaseOrder, PurchaseOrderItem: item.PurchaseOrderItem,
  }],
}));

const equipment = () => MACHINES.map(([Equipment, EquipmentName, WorkCenter], i) => ({
  Equipment, EquipmentName, MaintenancePlant: PLANT, WorkCenter, FunctionalLocation: `P2-H${1 + (i % 3)}-${WorkCenter}`,
  AssetManufacturerName: ['Keller', 'Brandt', 'Omeca', 'Lindholm'][i % 4], ManufacturerSerialNumber: `SN${70000 + i * 13}`,
  FixedAsset: pad(300000 + i, 12), AcquisitionDate: day(-2000 + i * 90),
}));

// The machines of plant 1010 under the numbers that they have there as assets.
const elsewhere = () => [['Press 4, 160 t', 'PRESS-4'], ['Press brake 2', 'BEND-2'], ['Machining centre CNC 1', 'CNC-1'], ['Lathe 3', 'LATHE-3']]
  .map(([EquipmentName, WorkCenter], i) => ({
    Equipment: String(i + 1), EquipmentName, MaintenancePlant: '1010', WorkCenter, FunctionalLocation: `P1-H1-${WorkCenter}`, FixedAsset: String(i + 1),
  }));

const notifications = () => MACHINES.slice(0, 8).map(([Equipment], i) => ({
  NotificationText: ['Spindle noise above limit', 'Oil leak at gear box', 'Pressure drops after start', 'Door interlock sticks'][i % 4],
  Equipment, MaintenancePlant: PLANT, MaintPriority: String(1 + (i % 4)), MalfunctionStartDateTime: stamp(i - 9, 6), ReportedByUser: `operator${i + 1}`,
}));

const maintenanceOrders = () => MACHINES.slice(0, 12).map(([Equipment, name], i) => ({
  MaintenanceOrder: String(4100001 + i), Equipment, MaintenancePlant: PLANT, MaintenanceOrderType: i % 2 ? 'PM02' : 'PM01', MaintenanceOrderDesc: `Service ${name}`,
  MaintPriority: String(1 + (i % 4)), PlannedStartDateTime: stamp(i, 6), PlannedEndDateTime: stamp(i, 12),
}));

const inspectionLots = () => MADE.slice(0, 12).map(({ Material }, i) => ({
  InspectionLot: String(31000001 + i), Material, Plant: PLANT, Batch: lotOf(i), InspectionLotOrigin: '04', InspectionLotQuantity: 10 + i, InspectionLotUnit: 'PC',
  ManufacturingOrder: RELEASED[i],
  to_InspectionCharacteristic: [
    { CharacteristicText: 'Bore diameter', CharacteristicUnit: 'MM', TargetValue: 40, LowerLimit: 39.975, UpperLimit: 40.025 },
    { CharacteristicText: 'Surface' },
  ],
}));

const nonconformances = () => MADE.slice(0, 10).map(({ Material }, i) => ({
  NonconformanceText: ['Porosity in casting', 'Bore out of tolerance', 'Paint runs', 'Leak at 12 bar'][i % 4], DefectCode: `D${100 + (i % 4)}`,
  DefectClass: `0${1 + (i % 3)}`, Material, Plant: PLANT, Batch: lotOf(i), InspectionLot: String(31000001 + i),
  ManufacturingOrder: RELEASED[i], DefectiveQuantity: 1 + (i % 3), DefectiveQuantityUnit: 'PC',
}));

const shipments = () => Array.from({ length: 12 }, (_, i) => ({
  Shipment: String(8100001 + i), ShippingPoint: '1021', Plant: PLANT, Carrier: `CARR0${1 + (i % 3)}`, Customer: CUSTOMERS[i % CUSTOMERS.length], ShipToName: CUSTOMERS[i % CUSTOMERS.length],
  ShipToCountry: ['DE', 'FR', 'AT', 'PL', 'AT'][i % 5], ShipToCity: ['Konstanz', 'Nantes', 'Salzburg', 'Gdynia', 'Innsbruck'][i % 5],
  PlannedDepartureDateTime: stamp(i, 15),
  to_ShipmentItem: [{ Material: MADE[i % MADE.length].Material, Batch: lotOf(i % MADE.length), Quantity: 1 + (i % 4), QuantityUnit: 'PC' }],
}));

const serviceOrders = () => Array.from({ length: 8 }, (_, i) => ({
  ServiceOrder: String(6100001 + i), ServiceOrderDescription: ['Pump loses pressure', 'Replace seal', 'Yearly inspection'][i % 3], Plant: PLANT,
  Customer: CUSTOMERS[i % CUSTOMERS.length], ServiceOrderType: ['SM02', 'SM02', 'SM03'][i % 3], ServicePriority: String(1 + (i % 4)), RequestedDateTime: stamp(i - 3, 8),
}));

const costs = () => RELEASED.slice(0, 10).map((OrderID, i) => ({
  CompanyCode: COMPANY, CostCenter: `20${pad(100 + (i % 4), 4)}`, GLAccount: '0000510000', OrderID, AmountInCurrency: 125.5 + i * 17.25, Currency: 'EUR',
  PostingDate: day(i - 10), DocumentText: 'Scrap and rework', ReferenceID: `SEED-${i + 1}`,
}));

// What is created where; a list behind another may refer to it.
const PLAN = [
  ['erp', 'A_Material', () => MATERIALS],
  ['erp', 'A_Supplier', () => SUPPLIERS.map(([Supplier, SupplierName, Country, City], i) =>
    ({ Supplier, SupplierName, Country, City, EmailAddress: `orders${i + 1}@supplier.test`, IsBlocked: i === 11 }))],
  ['erp', 'A_BillOfMaterialItem', () => MADE.flatMap(billOf)],
  ['erp', 'A_StorageLocation', () => LOCATIONS],
  ['erp', 'A_WorkCenter', () => CENTERS],
  ['erp', 'A_Batch', batches],
  ['erp', 'A_MaterialStock', stocks],
  ['erp', 'A_TransferOrder', transfers],
  ['erp', 'A_ProductionOrder', productionOrders],
  ['erp', (order) => `A_ProductionOrder('${order}')/ErpService.Release`, () => RELEASED],
  ['erp', 'A_ProductionConfirmation', confirmations],
  ['erp', 'A_PurchaseOrder', () => purchaseOrders().filter(({ Supplier }) => Supplier !== '27400012')],
  ['erp', 'A_PurchaseOrderConfirmation', () => purchaseConfirmations().slice(0, 11)],
  ['erp', 'A_InboundDelivery', deliveries],
  ['erp', 'A_CostPosting', costs],
  ['maintenance', 'A_Equipment', () => [...equipment(), ...elsewhere()]],
  ['maintenance', 'A_MaintenanceNotification', notifications],
  ['maintenance', 'A_MaintenanceOrder', maintenanceOrders],
  ['maintenance', (order) => `A_MaintenanceOrder('${order}')/MaintenanceService.Release`, () => ['4100001', '4100002', '4100003', '4100004']],
  ['maintenance', (order) => `A_MaintenanceOrder('${order}')/MaintenanceService.Start`, () => ['4100001', '4100002']],
  ['quality', 'A_InspectionLot', inspectionLots],
  ['quality', 'A_Nonconformance', nonconformances],
  ['logistics', 'A_Shipment', shipments],
  ['logistics', (shipment) => `A_Shipment('${shipment}')/LogisticsService.Dispatch`, () => ['8100001', '8100002', '8100003']],
  ['field-service', 'A_ServiceOrder', serviceOrders],
];

async function send(url, headers, service, requests) {
  const response = await fetch(`${url}/odata/v4/${service}/$batch`, { method: 'POST', headers, body: JSON.stringify({ requests }) });
  const text = await response.text();
  if (!response.ok) throw new Error(`seeding ${service}: ${response.status} ${text}`);
  const failed = JSON.parse(text).responses.find(({ status }) => status >= 300);
  if (failed) throw new Error(`seeding ${service}: ${requests[Number(failed.id)].url}: ${JSON.stringify(failed.body)}`);
}

async function seed(url, { user, password }) {
  const headers = {
    'content-type': 'application/json',
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  };
  let count = 0;
  for (const [service, target, make] of PLAN) {
    const requests = make().map((item, i) => ({
      id: String(i % BATCH), atomicityGroup: 'g', method: 'POST', url: typeof target === 'string' ? target : target(item),
      headers: { 'content-type': 'application/json', 'if-match': '*' }, body: typeof target === 'string' ? item : {},
    }));
    count += requests.length;
    for (let at = 0; at < requests.length; at += BATCH) await send(url, headers, service, requests.slice(at, at + BATCH));
  }
  return count;
}

module.exports = { seed };
