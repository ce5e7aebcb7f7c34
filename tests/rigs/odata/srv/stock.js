'use strict';

// What lies where: documents that move it, reservations, transfers, counts.

const cds = require('@sap/cds');
const { nextNumber, mustExist, transition, today } = require('./numbers');

// What a movement type does to the stock, and what takes it back. `any`: also of a batch that is not free.
const TYPES = {
  101: { sign: 1, back: '102' }, // receipt for a purchase order
  131: { sign: 1, back: '132' }, // from production
  501: { sign: 1, back: '502' }, // without order
  561: { sign: 1, back: '562' }, // initial
  201: { sign: -1, back: '202' }, // issue to a cost centre
  261: { sign: -1, back: '262' }, // issue to an order
  311: { sign: 0, back: '312', any: true }, // from place to place
  122: { sign: -1, back: '123', any: true }, // return to the supplier
  551: { sign: -1, back: '552', any: true }, // scrapping
  701: { sign: 1, back: '702', any: true }, // counted more, counted less
  702: { sign: -1, back: '701', any: true },
};
const MAKES_BATCH = ['101', '131', '501', '561'];

const rounded = (number) => Math.round(number * 1000) / 1000; // as many digits as the columns have
const placeOf = ({ Material, Plant, StorageLocation, Batch }) => ({ Material, Plant, StorageLocation, Batch });

async function batchOf({ Material, Plant, Batch }) {
  return SELECT.one.from(cds.entities('factory').Batches).where({ Material, Plant, Batch });
}

async function batchIsBlocked(place) {
  const batch = await batchOf(place);
  return batch && batch.BatchStatus !== 'FREE' ? batch.BatchStatus : undefined;
}

// A place where none of it has lain before; of a receipt the batch may be new, too.
async function newStock(req, place, type) {
  const { Batches, Stocks } = cds.entities('factory');
  const { Material, Plant, StorageLocation, Batch } = place;
  const material = await mustExist(req, 'Materials', { Material }, 'Material');
  const location = await mustExist(req, 'StorageLocations', { Plant, StorageLocation }, 'StorageLocation');
  if (!material || !location || !Batch) return req.reject(422, 'There is no such stock');
  if (!(await batchOf(place))) {
    if (!MAKES_BATCH.includes(type)) return req.reject(422, `Batch ${Batch} does not exist`, 'Batch');
    await INSERT.into(Batches).entries({ Material, Plant, Batch, BatchStatus: 'FREE', ManufactureDate: today() });
  }
  const stock = { ...place, Quantity: 0, ReservedQuantity: 0, BaseUnit: material.BaseUnit };
  await INSERT.into(Stocks).entries(stock);
  return stock;
}

async function changeStock(req, place, by, type) {
  const { Stocks } = cds.entities('factory');
  const found = await SELECT.one.from(Stocks).where(place);
  const stock = found ?? (by >= 0 ? await newStock(req, place, type) : undefined);
  if (!stock) return req.reject(422, 'There is no such stock');
  const left = rounded(Number(stock.Quantity) + by);
  if (left < 0) return req.reject(422, `Only ${stock.Quantity} ${stock.BaseUnit} on stock`, 'Quantity');
  await UPDATE(Stocks).set({ Quantity: left }).where(place);
  return stock;
}

// Sets stock aside, or gives it free again.
async function setAside(req, place, by) {
  const { Stocks } = cds.entities('factory');
  const stock = await mustExist(req, 'Stocks', place, 'Material');
  if (!stock) return req.reject(422, 'A reservation names its stock', 'Material');
  const reserved = rounded(Number(stock.ReservedQuantity ?? 0) + by);
  if (by > 0 && reserved > Number(stock.Quantity))
    return req.reject(422, `Only ${rounded(stock.Quantity - (stock.ReservedQuantity ?? 0))} ${stock.BaseUnit} are free`, 'Quantity');
  await UPDATE(Stocks).set({ ReservedQuantity: Math.max(reserved, 0) }).where(place);
  return stock;
}

// --- documents ---

async function moveStock(req, document, type) {
  const { sign, any } = TYPES[type];
  const place = placeOf(document);
  const quantity = Number(document.Quantity);
  const blocked = sign < 0 && !any && (await batchIsBlocked(place));
  if (blocked) return req.reject(422, `Batch ${place.Batch} is ${blocked}: nothing is taken from it`, 'Batch');
  if (sign !== 0) return changeStock(req, place, sign * quantity, type);
  const { IssuingOrReceivingStorageLoc: StorageLocation } = document;
  if (!StorageLocation || StorageLocation === place.StorageLocation)
    return req.reject(422, 'A transfer leads to another place', 'IssuingOrReceivingStorageLoc');
  const stock = await changeStock(req, place, -quantity, type);
  await changeStock(req, { ...place, StorageLocation }, quantity, type);
  return stock;
}

// The document that takes another back: the other way, all of it.
async function reversalOf(req, MaterialDocument) {
  const { MaterialDocuments } = cds.entities('factory');
  const document = await mustExist(req, 'MaterialDocuments', { MaterialDocument }, 'MaterialDocument');
  if (document.ReversingMaterialDocument) return req.reject(409, `Document ${MaterialDocument} is taken back`, 'ReversedMaterialDocument');
  if (document.ReversedMaterialDocument) return req.reject(422, `Document ${MaterialDocument} takes another back`, 'ReversedMaterialDocument');
  const number = await nextNumber(MaterialDocuments, 'MaterialDocument', 5000000001);
  await UPDATE(MaterialDocuments).set({ ReversingMaterialDocument: number }).where({ MaterialDocument });
  const { sign, back } = TYPES[document.GoodsMovementType];
  const swapped = sign === 0
    ? { StorageLocation: document.IssuingOrReceivingStorageLoc, IssuingOrReceivingStorageLoc: document.StorageLocation }
    : {};
  const taken = { ...document, ...swapped, ReversingMaterialDocument: null, ExternalReference: null, ReferenceNumber: null, MaterialDocumentItemText: null };
  if (sign === 0) await moveStock(req, taken, '311');
  else await changeStock(req, placeOf(taken), -sign * Number(taken.Quantity), back);
  return { ...taken, MaterialDocument: number, GoodsMovementType: back, ReversedMaterialDocument: MaterialDocument };
}

// What is posted moves the stock, in the same transaction: a document that is refused has moved nothing.
async function post(req, document) {
  const { GoodsMovementType: type, Quantity, PostingDate = today() } = document;
  if (!TYPES[type]) return req.reject(422, `Movement type ${type} is not known`, 'GoodsMovementType');
  if (!(Number(Quantity) > 0)) return req.reject(422, 'Quantity must be positive', 'Quantity');
  if (PostingDate > today()) return req.reject(422, 'Nothing is posted ahead', 'PostingDate');
  const { ReferenceDocument: PurchaseOrder, PurchaseOrderItem } = document;
  if (PurchaseOrderItem) await mustExist(req, 'PurchaseOrderItems', { PurchaseOrder, PurchaseOrderItem }, 'PurchaseOrderItem');
  const stock = await moveStock(req, document, type);
  if (document.EntryUnit && document.EntryUnit !== stock.BaseUnit) return req.reject(422, `It is kept in ${stock.BaseUnit}`, 'EntryUnit');
  const MaterialDocument = await nextNumber(cds.entities('factory').MaterialDocuments, 'MaterialDocument', 5000000001);
  return { ...document, MaterialDocument, PostingDate, EntryUnit: stock.BaseUnit };
}

async function checkDocument(req) {
  const { ReversedMaterialDocument, ...own } = req.data;
  if (!ReversedMaterialDocument) return Object.assign(req.data, await post(req, own));
  if (own.PostingDate > today()) return req.reject(422, 'Nothing is posted ahead', 'PostingDate');
  return Object.assign(req.data, { ...(await reversalOf(req, ReversedMaterialDocument)), ...own, PostingDate: own.PostingDate ?? today() });
}

// A document that comes of another: of a confirmation, a transfer, a count.
async function postAlong(req, document) {
  const posted = await post(req, document);
  await INSERT.into(cds.entities('factory').MaterialDocuments).entries(posted);
  return posted;
}

async function takeBackAlong(req, MaterialDocument) {
  const back = { ...(await reversalOf(req, MaterialDocument)), PostingDate: today() };
  await INSERT.into(cds.entities('factory').MaterialDocuments).entries(back);
}

async function postGoodsMovement(req) {
  const document = { ReferenceDocument: null, ExternalReference: null, ...(await checkDocument(req)) };
  await INSERT.into(cds.entities('factory').MaterialDocuments).entries(document);
  return document;
}

async function availableQuantity(req) {
  const rows = await SELECT.from(cds.entities('factory').Stocks).where(req.data);
  return rows.reduce((sum, row) => sum + Number(row.Quantity) - Number(row.ReservedQuantity ?? 0), 0);
}

// --- reservations ---

async function reserve(req) {
  const place = placeOf(req.data);
  if (await batchIsBlocked(place)) return req.reject(422, `Batch ${place.Batch} is blocked`, 'Batch');
  if (!(Number(req.data.Quantity) > 0)) return req.reject(422, 'Quantity must be positive', 'Quantity');
  const stock = await setAside(req, place, Number(req.data.Quantity));
  req.data.BaseUnit ??= stock.BaseUnit;
  req.data.Reservation ??= await nextNumber(cds.entities('factory').Reservations, 'Reservation', 3000000001);
  return undefined;
}

async function giveFree(req, reservation) {
  await setAside(req, placeOf(reservation), -Number(reservation.Quantity));
}

// --- transfers ---

async function planTransfer(req) {
  const { Plant, IssuingStorageLocation: from, ReceivingStorageLocation: to, to_TransferOrderItem: items } = req.data;
  for (const StorageLocation of [from, to])
    if (!(await mustExist(req, 'StorageLocations', { Plant, StorageLocation }, 'StorageLocation')))
      return req.reject(422, 'A transfer names both places', 'IssuingStorageLocation');
  if (from === to) return req.reject(422, 'A transfer leads to another place', 'ReceivingStorageLocation');
  if (!items?.length) return req.reject(422, 'A transfer needs an item', 'to_TransferOrderItem');
  for (const [i, item] of items.entries()) {
    const material = await mustExist(req, 'Materials', { Material: item.Material }, 'Material');
    if (!material || !(Number(item.Quantity) > 0)) return req.reject(422, 'An item names a material and how much', 'Quantity');
    item.TransferOrderItem ??= String((i + 1) * 10).padStart(4, '0');
    item.QuantityUnit ??= material.BaseUnit;
  }
  req.data.PlannedDate ??= today();
  req.data.TransferOrder ??= await nextNumber(cds.entities('factory').TransferOrders, 'TransferOrder', 3500000001);
  return undefined;
}

async function eachItem({ TransferOrder, Plant, IssuingStorageLocation: StorageLocation }, act) {
  const items = await SELECT.from(cds.entities('factory').TransferOrderItems).where({ TransferOrder });
  for (const { Material, Batch, Quantity } of items) await act({ Material, Plant, StorageLocation, Batch }, Number(Quantity));
}

async function assignTransfer(req, order) {
  await eachItem(order, (place, quantity) => setAside(req, place, quantity));
}

async function completeTransfer(req, order) {
  await eachItem(order, async (place, Quantity) => {
    await setAside(req, place, -Quantity);
    await postAlong(req, {
      ...place, IssuingOrReceivingStorageLoc: order.ReceivingStorageLocation, GoodsMovementType: '311', Quantity, ReferenceDocument: order.TransferOrder,
    });
  });
  return { CompletionDate: today() };
}

async function cancelTransfer(req, order) {
  if (order.TransferOrderStatus === 'ASGN') await eachItem(order, (place, quantity) => setAside(req, place, -quantity));
}

// --- counts ---

async function count(req) {
  const place = placeOf(req.data);
  const { CountedQuantity, CountDate = today() } = req.data;
  if (!(Number(CountedQuantity) >= 0)) return req.reject(422, 'What was counted is not negative', 'CountedQuantity');
  if (CountDate > today()) return req.reject(422, 'Nothing is counted ahead', 'CountDate');
  const stock = (await SELECT.one.from(cds.entities('factory').Stocks).where(place)) ?? (await newStock(req, place, '701'));
  const difference = rounded(Number(CountedQuantity) - Number(stock.Quantity));
  Object.assign(req.data, { BookQuantity: stock.Quantity, DifferenceQuantity: difference, QuantityUnit: stock.BaseUnit, CountDate });
  if (difference !== 0) {
    const document = { ...place, GoodsMovementType: difference > 0 ? '701' : '702', Quantity: Math.abs(difference) };
    req.data.MaterialDocument = (await postAlong(req, document)).MaterialDocument;
  }
  const { PhysicalInventoryCounts } = cds.entities('factory');
  req.data.PhysicalInventoryCount ??= await nextNumber(PhysicalInventoryCounts, 'PhysicalInventoryCount', 3700000001);
  return undefined;
}

function offerStock(service) {
  const transfer = (from, to, more) => transition('TransferOrders', 'TransferOrder', 'TransferOrderStatus', from, to, more);
  service.before('CREATE', 'A_Reservation', reserve);
  service.on('Cancel', 'A_Reservation', transition('Reservations', 'Reservation', 'ReservationStatus', ['OPEN'], 'CANC', giveFree));
  service.before('CREATE', 'A_TransferOrder', planTransfer);
  service.on('Assign', 'A_TransferOrder', transfer(['CRTD'], 'ASGN', assignTransfer));
  service.on('Complete', 'A_TransferOrder', transfer(['ASGN'], 'CMPL', completeTransfer));
  service.on('Cancel', 'A_TransferOrder', transfer(['CRTD', 'ASGN'], 'CANC', cancelTransfer));
  service.before('CREATE', 'A_PhysicalInventoryCount', count);
  service.on('PostGoodsMovement', postGoodsMovement);
  service.before('CREATE', 'A_MaterialDocument', checkDocument);
  service.on('AvailableQuantity', availableQuantity);
}

module.exports = { offerStock, postAlong, takeBackAlong, rounded };
