'use strict';

// The few rules of business that a client of the ERP can run into.

const cds = require('@sap/cds');

const RECEIPT = '101'; // goods receipt
const ISSUE = '261'; // goods issue to an order

// The next number of a series, from the rows that are there: data in memory, one process.
async function nextNumber(entity, key, first) {
  const row = await SELECT.one.from(entity).columns(key).orderBy({ [key]: 'desc' });
  return String(row ? Math.max(Number(row[key]) + 1, first) : first);
}

function numberItems(order) {
  (order.to_PurchaseOrderItem ?? []).forEach((item, i) => {
    item.PurchaseOrderItem ??= String((i + 1) * 10).padStart(5, '0');
  });
}

async function createPurchaseOrder(req) {
  const order = req.data;
  const { Suppliers, PurchaseOrders } = cds.entities('factory');
  if (!(await SELECT.one.from(Suppliers).where({ Supplier: order.Supplier })))
    return req.reject(422, `Supplier ${order.Supplier} does not exist`, 'Supplier');
  if (!order.to_PurchaseOrderItem?.length)
    return req.reject(422, 'An order needs an item', 'to_PurchaseOrderItem');
  order.PurchaseOrder ??= await nextNumber(PurchaseOrders, 'PurchaseOrder', 4500000001);
  order.PurchaseOrderDate ??= new Date().toISOString().slice(0, 10);
  numberItems(order);
}

async function createProductionOrder(req) {
  const { ProductionOrders } = cds.entities('factory');
  req.data.ManufacturingOrder ??= await nextNumber(ProductionOrders, 'ManufacturingOrder', 1000001);
}

async function release(req) {
  const { ProductionOrders } = cds.entities('factory');
  const { ManufacturingOrder } = req.params.at(-1);
  const order = await SELECT.one.from(ProductionOrders).where({ ManufacturingOrder });
  if (!order) return req.reject(404);
  if (order.OrderStatus !== 'CRTD')
    return req.reject(409, `Order ${ManufacturingOrder} is ${order.OrderStatus}, not CRTD`);
  await UPDATE(ProductionOrders).set({ OrderStatus: 'REL' }).where({ ManufacturingOrder });
  return SELECT.one.from(ProductionOrders).where({ ManufacturingOrder });
}

async function postGoodsMovement(req) {
  const { Stocks, MaterialDocuments } = cds.entities('factory');
  const { GoodsMovementType, Quantity, ReferenceDocument, ...place } = req.data;
  if (![RECEIPT, ISSUE].includes(GoodsMovementType))
    return req.reject(422, `Movement type ${GoodsMovementType} is not known`, 'GoodsMovementType');
  if (!(Number(Quantity) > 0)) return req.reject(422, 'Quantity must be positive', 'Quantity');
  const stock = await SELECT.one.from(Stocks).where(place);
  if (!stock) return req.reject(422, 'There is no such stock');
  const sign = GoodsMovementType === RECEIPT ? 1 : -1;
  const left = Number(stock.Quantity) + sign * Number(Quantity);
  if (left < 0) return req.reject(422, `Only ${stock.Quantity} ${stock.BaseUnit} on stock`, 'Quantity');
  await UPDATE(Stocks).set({ Quantity: left }).where(place);
  const document = {
    ...place,
    MaterialDocument: await nextNumber(MaterialDocuments, 'MaterialDocument', 5000000001),
    PostingDate: new Date().toISOString().slice(0, 10),
    GoodsMovementType,
    Quantity,
    EntryUnit: stock.BaseUnit,
    ReferenceDocument: ReferenceDocument ?? null,
  };
  await INSERT.into(MaterialDocuments).entries(document);
  return document;
}

module.exports = cds.service.impl(function () {
  this.before('CREATE', 'A_PurchaseOrder', createPurchaseOrder);
  this.before('CREATE', 'A_ProductionOrder', createProductionOrder);
  this.on('Release', 'A_ProductionOrder', release);
  this.on('PostGoodsMovement', postGoodsMovement);
});
