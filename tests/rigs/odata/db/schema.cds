// What a small maker of pressed parts keeps in its ERP. Names follow the style of SAP's own services,
// so that a client meets the same shapes as in the field.
namespace factory;

aspect changed {
  LastChangeDateTime : Timestamp @cds.on.insert : $now @cds.on.update : $now;
}

entity Materials {
  key Material            : String(18);
      MaterialDescription : String(60);
      BaseUnit            : String(3);
}

entity Stocks : changed {
  key Material        : String(18);
  key Plant           : String(4);
  key StorageLocation : String(4);
  key Batch           : String(10);
      Quantity        : Decimal(13, 3);
      BaseUnit        : String(3);
}

entity Suppliers {
  key Supplier     : String(10);
      SupplierName : String(80);
      Country      : String(2);
      City         : String(40);
}

entity ProductionOrders : changed {
  key ManufacturingOrder     : String(12);
      Material               : String(18);
      ProductionPlant        : String(4);
      TotalQuantity          : Decimal(13, 3);
      ConfirmedQuantity      : Decimal(13, 3) default 0;
      ProductionUnit         : String(3);
      OrderStatus            : String(4) default 'CRTD';
      PlannedStartDate       : Date;
      PlannedEndDate         : Date;
      to_ProductionOrderOperation : Composition of many ProductionOperations
                                      on to_ProductionOrderOperation.ManufacturingOrder = $self.ManufacturingOrder;
}

entity ProductionOperations {
  key ManufacturingOrder          : String(12);
  key ManufacturingOrderOperation : String(4);
      WorkCenter                  : String(8);
      OperationText               : String(40);
      StandardTimeMinutes         : Decimal(9, 2);
}

entity PurchaseOrders : changed {
  key PurchaseOrder         : String(10);
      Supplier              : String(10);
      CompanyCode           : String(4) default '1010';
      DocumentCurrency      : String(3);
      PurchaseOrderDate     : Date;
      SupplierReference     : String(35);
      PurchasingStatus      : String(4) default 'OPEN';
      to_PurchaseOrderItem  : Composition of many PurchaseOrderItems
                                on to_PurchaseOrderItem.PurchaseOrder = $self.PurchaseOrder;
}

entity PurchaseOrderItems {
  key PurchaseOrder     : String(10);
  key PurchaseOrderItem : String(5);
      Material          : String(18);
      Plant             : String(4);
      OrderQuantity     : Decimal(13, 3);
      OrderUnit         : String(3);
      NetPriceAmount    : Decimal(13, 2);
      DeliveryDate      : Date;
}

entity MaterialDocuments {
  key MaterialDocument  : String(10);
      PostingDate       : Date;
      Material          : String(18);
      Plant             : String(4);
      StorageLocation   : String(4);
      Batch             : String(10);
      GoodsMovementType : String(3);
      Quantity          : Decimal(13, 3);
      EntryUnit         : String(3);
      ReferenceDocument : String(16);
}
