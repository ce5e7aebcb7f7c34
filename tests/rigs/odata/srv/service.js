'use strict';

// The few rules of business that a client of the ERP can run into.

const cds = require('@sap/cds');
const { nextNumber, numbered, transition, mustExist, today } = require('./numbers');
const { offerProduction } = require('./production');
const { offerStock } = require('./stock');

// --- purchasing ---

function numberItems(items, key, step, width) {
  (items ?? []).forEach((item, i) => {
    item[key] ??= String((i + 1) * step).padStart(width, '0');
  });
}

async function createPurchaseOrder(req) {
  const order = req.data;
  const { Suppliers, PurchaseOrders } = cds.entities('factory');
  const supplier = await SELECT.one.from(Suppliers).where({ Supplier: order.Supplier });
  if (!supplier) return req.reject(422, `Supplier ${order.Supplier} does not exist`, 'Supplier');
  if (supplier.IsBlocked) return req.reject(422, `Supplier ${order.Supplier} is blocked`, 'Supplier');
  if (!order.to_PurchaseOrderItem?.length)
    return req.reject(422, 'An order needs an item', 'to_PurchaseOrderItem');
  order.PurchaseOrder ??= await nextNumber(PurchaseOrders, 'PurchaseOrder', 4500000001);
  order.PurchaseOrderDate ??= today();
  numberItems(order.to_PurchaseOrderItem, 'PurchaseOrderItem', 10, 5);
}

async function confirmPurchaseOrder(req) {
  const { PurchaseOrderItems, PurchaseOrderConfirmations } = cds.entities('factory');
  const { PurchaseOrder, PurchaseOrderItem, ConfirmedQuantity, DeliveryDate } = req.data;
  const where = { PurchaseOrder, PurchaseOrderItem };
  const item = await mustExist(req, 'PurchaseOrderItems', where, 'PurchaseOrderItem');
  if (!item) return req.reject(422, 'A confirmation names an order and its item', 'PurchaseOrderItem');
  const confirmed = Number(item.ConfirmedQuantity ?? 0) + Number(ConfirmedQuantity);
  if (!(Number(ConfirmedQuantity) > 0)) return req.reject(422, 'Quantity must be positive', 'ConfirmedQuantity');
  if (confirmed > Number(item.OrderQuantity))
    return req.reject(422, `Only ${item.OrderQuantity} ${item.OrderUnit} were ordered`, 'ConfirmedQuantity');
  req.data.OrderUnit ??= item.OrderUnit;
  req.data.SupplierConfirmation ??= await nextNumber(PurchaseOrderConfirmations, 'SupplierConfirmation', 5600000001);
  await UPDATE(PurchaseOrderItems)
    .set({ ConfirmedQuantity: confirmed, ConfirmedDeliveryDate: DeliveryDate ?? item.DeliveryDate })
    .where(where);
}

async function announceDelivery(req) {
  const { InboundDeliveries } = cds.entities('factory');
  const delivery = req.data;
  if (!(await mustExist(req, 'Suppliers', { Supplier: delivery.Supplier }, 'Supplier')))
    return req.reject(422, 'A delivery names its supplier', 'Supplier');
  if (!delivery.to_InboundDeliveryItem?.length)
    return req.reject(422, 'A delivery needs an item', 'to_InboundDeliveryItem');
  for (const { PurchaseOrder, PurchaseOrderItem } of delivery.to_InboundDeliveryItem)
    await mustExist(req, 'PurchaseOrderItems', { PurchaseOrder, PurchaseOrderItem }, 'PurchaseOrder');
  delivery.InboundDelivery ??= await nextNumber(InboundDeliveries, 'InboundDelivery', 1800000001);
  numberItems(delivery.to_InboundDeliveryItem, 'InboundDeliveryItem', 10, 6);
}

// --- costs, batches ---

async function postCost(req) {
  if (Number(req.data.AmountInCurrency) === 0) return req.reject(422, 'There is no amount', 'AmountInCurrency');
  if (!['CostCenter', 'OrderID', 'MaintenanceOrder'].some((receiver) => req.data[receiver]))
    return req.reject(422, 'There is nobody to bear it', 'CostCenter');
  req.data.PostingDate ??= today();
  return numbered('CostPostings', 'AccountingDocument', 1900000001)(req);
}

async function setBatch(req) {
  const { Batches } = cds.entities('factory');
  const { Material, Plant, Batch } = req.params.at(-1);
  const where = { Material, Plant, Batch };
  const [from, to] = req.event === 'Block' ? ['FREE', 'BLKD'] : ['BLKD', 'FREE'];
  const batch = await SELECT.one.from(Batches).where(where);
  if (!batch) return req.reject(404);
  if (batch.BatchStatus !== from) return req.reject(409, `Batch ${Batch} is ${batch.BatchStatus}, not ${from}`, 'BatchStatus');
  await UPDATE(Batches).set({ BatchStatus: to }).where(where);
  return SELECT.one.from(Batches).where(where);
}

module.exports = cds.service.impl(function () {
  offerStock(this);
  offerProduction(this);
  this.before('CREATE', 'A_PurchaseOrder', createPurchaseOrder);
  this.before('CREATE', 'A_PurchaseOrderConfirmation', confirmPurchaseOrder);
  this.before('CREATE', 'A_InboundDelivery', announceDelivery);
  this.before('CREATE', 'A_CostPosting', postCost);
  this.on('Receive', 'A_InboundDelivery', transition('InboundDeliveries', 'InboundDelivery', 'DeliveryStatus', ['ANNC'], 'RECD'));
  this.on('Cancel', 'A_InboundDelivery', transition('InboundDeliveries', 'InboundDelivery', 'DeliveryStatus', ['ANNC'], 'CANC'));
  this.on(['Block', 'Unblock'], 'A_Batch', setBatch);
});
