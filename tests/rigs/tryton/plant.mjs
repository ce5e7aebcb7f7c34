// What there is in plant "1010", a maker of small pumps: materials, how they are made, who delivers them.
// Pure data; seed.mjs writes it.

export const COMPANY = 'Millgate Works 1010';
export const PLANT = '1010';
export const STORES = { '101A': 'Raw material', '101B': 'Small parts', '101C': 'Made parts', '101D': 'Consumables', QUAR: 'Quarantine' };
/** Of these the first lot lies in quarantine, all of it. */
export const BLOCKED = ['CAST-HOUSING-12'];

export const SUPPLIERS = [
  { code: '17300001', name: 'Nordstahl Handel GmbH', country: 'DE', city: 'Hamburg', street: 'Billwerder Ring 14', postalCode: '21035',
    email: 'auftrag@nordstahl.example', phone: '+49 40 5550114' },
  { code: '17300002', name: 'Visserie du Rhone SA', country: 'FR', city: 'Lyon', street: '27 rue de Gerland', postalCode: '69007',
    email: 'commandes@visserie-rhone.example', phone: '+33 4 99 55 01 27' },
  { code: '17300003', name: 'Lubritec S.r.l.', country: 'IT', city: 'Modena', street: 'Via Emilia Ovest 310', postalCode: '41123', email: 'ordini@lubritec.example' },
  { code: '17300004', name: 'Valimo Castings Oy', country: 'FI', city: 'Tampere', street: 'Valimotie 6', postalCode: '33900', phone: '+358 3 555 0106' },
  { code: '17300005', name: 'Rodamientos Vega SL', country: 'ES', city: 'Zaragoza' },
  { code: '17300006', name: 'Elektromotory Brno s.r.o.', country: 'CZ', city: 'Brno', street: 'Tuřanka 88', postalCode: '627 00', email: 'odbyt@elektromotory.example' },
  { code: '17300007', name: 'Dichtungswerk Alb AG', country: 'DE', city: 'Reutlingen' },
  { code: '17300008', name: 'Trefilerie de la Meuse', country: 'FR', city: 'Bar-le-Duc' },
];
export const COUNTRIES = { DE: 'Germany', FR: 'France', IT: 'Italy', FI: 'Finland', ES: 'Spain', CZ: 'Czechia' };

// A bought family: `sizes` are [suffix, price]; all else holds for each of them.
const BOUGHT = [
  { prefix: 'SHEET', name: 'Steel sheet, 1000 x 2000,', unit: 'Unit', store: '101A', supplier: '17300001', isLotted: true, stock: 240,
    sizes: [['1MM', '26.40'], ['1.5MM', '37.80'], ['2MM', '48.90'], ['3MM', '71.20'], ['4MM', '94.00'], ['5MM', '118.50']] },
  { prefix: 'BAR', name: 'Round bar C45, mm', unit: 'Meter', store: '101A', supplier: '17300008', isLotted: true, stock: 180.5,
    sizes: [['12', '3.10'], ['16', '4.85'], ['20', '7.20'], ['25', '10.90'], ['30', '15.60'], ['40', '27.30']] },
  { prefix: 'TUBE', name: 'Precision tube, mm', unit: 'Meter', store: '101A', supplier: '17300008', stock: 96.25,
    sizes: [['15', '4.20'], ['20', '5.60'], ['25', '7.15'], ['32', '9.40'], ['40', '12.80'], ['50', '17.25']] },
  { prefix: 'BOLT', name: 'Hexagon bolt, zinc plated,', unit: 'Unit', store: '101B', supplier: '17300002', stock: 12000,
    sizes: [['M4', '0.0310'], ['M5', '0.0380'], ['M6', '0.0520'], ['M8', '0.0700'], ['M10', '0.1150'], ['M12', '0.1840'], ['M16', '0.4100'], ['M20', '0.8800']] },
  { prefix: 'NUT', name: 'Hexagon nut, zinc plated,', unit: 'Unit', store: '101B', supplier: '17300002', stock: 15500,
    sizes: [['M4', '0.0120'], ['M5', '0.0150'], ['M6', '0.0210'], ['M8', '0.0300'], ['M10', '0.0560'], ['M12', '0.0890'], ['M16', '0.1900'], ['M20', '0.3700']] },
  { prefix: 'WASHER', name: 'Washer, zinc plated,', unit: 'Unit', store: '101B', supplier: '17300002', stock: 20000,
    sizes: [['M4', '0.0060'], ['M5', '0.0070'], ['M6', '0.0090'], ['M8', '0.0130'], ['M10', '0.0210'], ['M12', '0.0320'], ['M16', '0.0640'], ['M20', '0.1150']] },
  { prefix: 'BEARING', name: 'Deep groove ball bearing', unit: 'Unit', store: '101B', supplier: '17300005', stock: 160,
    sizes: [['6200', '2.35'], ['6201', '2.45'], ['6202', '2.60'], ['6203', '2.85'], ['6204', '3.40'], ['6205', '3.95'], ['6206', '5.20'], ['6207', '7.10'], ['6208', '8.90']] },
  { prefix: 'SEAL', name: 'Shaft seal, mm', unit: 'Unit', store: '101B', supplier: '17300007', stock: 320,
    sizes: [['12', '1.10'], ['15', '1.25'], ['20', '1.60'], ['25', '1.95'], ['30', '2.40'], ['35', '2.90'], ['40', '3.35'], ['50', '4.70']] },
  { prefix: 'MOTOR', name: 'Motor, three-phase,', unit: 'Unit', store: '101B', supplier: '17300006', isLotted: true, stock: 24,
    sizes: [['0K37', '88.00'], ['0K55', '97.50'], ['0K75', '109.00'], ['1K1', '131.00'], ['1K5', '152.00'], ['2K2', '188.00'], ['3K0', '236.00']] },
  { prefix: 'CAST', name: 'Grey iron casting', unit: 'Unit', store: '101A', supplier: '17300004', isLotted: true, stock: 80,
    sizes: [['HOUSING-7', '14.20'], ['HOUSING-9', '18.60'], ['HOUSING-12', '27.90'], ['COVER-7', '5.10'], ['COVER-9', '6.40'], ['COVER-12', '9.30']] },
  { prefix: 'FOOT', name: 'Levelling foot', unit: 'Unit', store: '101B', supplier: '17300002', stock: 600, sizes: [['M10', '1.85'], ['M12', '2.30']] },
  { prefix: 'LABEL', name: 'Type plate', unit: 'Unit', store: '101B', supplier: '17300007', stock: 2500, sizes: [['CE', '0.4500']] },
  { prefix: 'GREASE', name: 'Lithium grease', unit: 'Kilogram', store: '101D', supplier: '17300003', isLotted: true, stock: 25.125, sizes: [['EP2', '9.80']] },
  { prefix: 'OIL', name: 'Hydraulic oil', unit: 'Liter', store: '101D', supplier: '17300003', isLotted: true, stock: 410, sizes: [['46', '3.65']] },
  { prefix: 'PAINT', name: 'Water-based paint', unit: 'Liter', store: '101D', supplier: '17300003', stock: 64.5, sizes: [['RAL5010', '12.40']] },
  { prefix: 'COOLANT', name: 'Cutting emulsion', unit: 'Liter', store: '101D', supplier: '17300003', stock: 220, sizes: [['ECO', '4.10']] },
];

export const WORK_CENTERS = [
  { name: 'PRESS-4', category: 'Pressing', cost: '62.00' }, { name: 'BEND-2', category: 'Bending', cost: '48.00' },
  { name: 'CNC-1', category: 'Milling', cost: '85.00' }, { name: 'LATHE-3', category: 'Turning', cost: '74.00' },
  { name: 'PAINT-1', category: 'Painting', cost: '39.00' }, { name: 'ASSY-1', category: 'Assembly', cost: '44.00' },
  { name: 'QC-1', category: 'Inspection', cost: '52.00' },
];

// Operations by name, and the category of work centre that does each.
export const OPERATIONS = {
  'Blank and pierce': 'Pressing', Bend: 'Bending', Mill: 'Milling', Turn: 'Turning',
  Paint: 'Painting', Assemble: 'Assembly', Inspect: 'Inspection',
};
export const ROUTINGS = {
  Sheet: ['Blank and pierce', 'Bend', 'Inspect'],
  Casting: ['Mill', 'Inspect'],
  Shaft: ['Turn', 'Inspect'],
  Frame: ['Blank and pierce', 'Bend', 'Paint'],
  Pump: ['Assemble', 'Paint', 'Inspect'],
};

// `inputs` make `batch` of them.
const make = (code, name, price, routing, inputs, stock = 40, batch = 1) => ({
  code, name, price, routing, inputs, stock, batch, unit: 'Unit', store: '101C' });

function pump(size, bolt, motor, shaft, bearing) {
  return make(`PUMP-${size}`, `Pump ${size}`, '0', 'Pump', [
    [`HOUSING-${size}`, 1], [`COVER-${size}`, 1], [`SHAFT-${shaft}`, 1], [motor, 1], [bearing, 2],
    [`SEAL-${shaft}`, 1], [`BOLT-${bolt}`, 8], [`NUT-${bolt}`, 8], [`WASHER-${bolt}`, 16], ['LABEL-CE', 1], ['GREASE-EP2', 0.05],
  ], 6);
}

const MADE = [
  make('BRACKET-A', 'Mounting bracket A', '2.90', 'Sheet', [['SHEET-2MM', 1], ['BOLT-M8', 200]], 310, 50),
  make('BRACKET-B', 'Mounting bracket B', '3.40', 'Sheet', [['SHEET-2MM', 1], ['BOLT-M8', 160]], 120, 40),
  make('BRACKET-C', 'Mounting bracket C', '4.10', 'Sheet', [['SHEET-3MM', 1], ['BOLT-M10', 160]], 95, 40),
  make('BRACKET-D', 'Mounting bracket D', '5.75', 'Sheet', [['SHEET-4MM', 1], ['BOLT-M12', 100]], 40, 25),
  ...['7', '9', '12'].flatMap((size) => [
    make(`HOUSING-${size}`, `Pump housing ${size}`, '21.00', 'Casting', [[`CAST-HOUSING-${size}`, 1], ['COOLANT-ECO', 0.1]], 42),
    make(`COVER-${size}`, `Pump cover ${size}`, '8.20', 'Casting', [[`CAST-COVER-${size}`, 1], ['COOLANT-ECO', 0.05]], 55),
  ]),
  ...['20', '25', '30', '40'].map((mm) =>
    make(`SHAFT-${mm}`, `Pump shaft, ${mm} mm`, '11.50', 'Shaft', [[`BAR-${mm}`, 0.35], ['COOLANT-ECO', 0.05]], 60)),
  make('FRAME-S', 'Base frame, small', '34.00', 'Frame', [['SHEET-4MM', 1], ['FOOT-M10', 16], ['PAINT-RAL5010', 0.8]], 18, 4),
  make('FRAME-L', 'Base frame, large', '52.00', 'Frame', [['SHEET-5MM', 1], ['FOOT-M12', 8], ['PAINT-RAL5010', 0.7]], 12, 2),
  make('GUARD-S', 'Coupling guard, small', '9.60', 'Frame', [['SHEET-1MM', 1], ['PAINT-RAL5010', 0.5]], 33, 10),
  make('GUARD-L', 'Coupling guard, large', '13.80', 'Frame', [['SHEET-1.5MM', 1], ['PAINT-RAL5010', 0.5]], 21, 6),
  pump('7', 'M8', 'MOTOR-0K75', '20', 'BEARING-6204'),
  pump('9', 'M10', 'MOTOR-1K5', '25', 'BEARING-6205'),
  pump('12', 'M12', 'MOTOR-3K0', '30', 'BEARING-6206'),
].map((material) => (material.price === '0' ? { ...material, price: '214.00' } : material));

/** [{code, name, unit, store, price, stock, supplier?, isLotted?, routing?, inputs?}...] */
export const MATERIALS = [
  ...BOUGHT.flatMap(({ sizes, prefix, name, ...rest }) =>
    sizes.map(([size, price]) => ({ ...rest, code: `${prefix}-${size}`, name: `${name} ${size}`, price }))),
  ...MADE,
];

// [supplier, its reference, [[material, quantity]...], the buttons pressed, whether it was received]. What is
// confirmed Tryton processes by itself, and calls it done when all is received.
export const PURCHASES = [
  ['17300002', 'AB-2026-118', [['BOLT-M8', 20000], ['NUT-M8', 20000]], ['quote', 'confirm']],
  ['17300001', 'NS 88121', [['SHEET-2MM', 100]], ['quote', 'confirm']],
  ['17300001', 'NS 88040', [['SHEET-1MM', 60], ['SHEET-3MM', 40]], ['quote', 'confirm'], true],
  ['17300003', 'LT/4471', [['GREASE-EP2', 18], ['OIL-46', 200]], ['quote', 'confirm'], true],
  ['17300004', 'VC-2026-0912', [['CAST-HOUSING-7', 120], ['CAST-COVER-7', 120]], ['quote', 'confirm']],
  ['17300005', 'P-5521', [['BEARING-6204', 200], ['BEARING-6205', 100]], ['quote', 'confirm']],
  ['17300006', null, [['MOTOR-1K5', 12]], ['quote']],
  ['17300007', null, [['SEAL-20', 150], ['LABEL-CE', 1000]], ['quote']],
  ['17300008', null, [['BAR-25', 90], ['TUBE-32', 36]], []],
  ['17300002', null, [['WASHER-M10', 8000]], []],
];

// [reference, material, quantity, how far it has come].
export const PRODUCTIONS = [
  ['1000001', 'BRACKET-A', 500, 'running'],
  ['1000002', 'HOUSING-7', 60, 'waiting'],
  ['1000003', 'BRACKET-A', 4, 'done'],
  ['1000004', 'SHAFT-20', 25, 'assigned'],
  ['1000005', 'COVER-7', 50, 'draft'],
  ['1000006', 'PUMP-7', 5, 'running'],
  ['1000007', 'PUMP-9', 4, 'waiting'],
  ['1000008', 'FRAME-S', 12, 'draft'],
  ['1000009', 'GUARD-L', 20, 'waiting'],
  ['1000010', 'SHAFT-30', 30, 'done'],
  ['1000011', 'BRACKET-C', 80, 'assigned'],
  ['1000012', 'PUMP-12', 6, 'draft'],
];

// [code, name]: where costs are posted. The chart itself has one expense account, without a code.
export const COST_ELEMENTS = [
  ['400000', 'Raw material consumed'], ['420000', 'Direct labour'], ['430000', 'Machine hours'],
  ['451000', 'Maintenance and repair'], ['470000', 'Energy'], ['490000', 'Other production costs'],
];

// All but the last are in use.
export const ASSETS = [
  { name: 'Press 4, 160 t', value: '184000.00', years: 10 }, { name: 'Press brake 2', value: '96500.00', years: 8 },
  { name: 'Machining centre CNC 1', value: '241000.00', years: 8 }, { name: 'Lathe 3', value: '118000.00', years: 8 },
  { name: 'Coordinate measuring machine', value: '87400.00', years: 10 },
];
