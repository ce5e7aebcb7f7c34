// What a small maker of pressed parts keeps in its ERP. Names follow the style of SAP's own services,
// so that a client meets the same shapes as in the field.
namespace factory;

aspect changed {
  LastChangeDateTime : Timestamp @cds.on.insert : $now @cds.on.update : $now;
}

// A document that a partner may know by a number of its own: no two have the same.
@assert.unique : {ExternalReference : [ExternalReference]}
aspect referenced {
  ExternalReference : String(40);
}

// --- materials and stock ---

entity Materials : changed {
  key Material            : String(18);
      MaterialDescription : String(60);
      MaterialType        : String(4) default 'FERT';
      MaterialGroup       : String(9);
      BaseUnit            : String(3);
      NetWeight           : Decimal(13, 3);
      WeightUnit          : String(3);
      StandardPrice       : Decimal(13, 2);
      Currency            : String(3);
      IsMarkedForDeletion : Boolean default false;
}

entity BillOfMaterialItems {
  key Material              : String(18);
  key Plant                 : String(4);
  key BillOfMaterialItem    : String(4);
      Component             : String(18);
      ComponentQuantity     : Decimal(13, 3);
      ComponentUnit         : String(3);
}

entity Batches : changed {
  key Material                : String(18);
  key Plant                   : String(4);
  key Batch                   : String(10);
      BatchStatus             : String(4) default 'FREE'; // FREE, BLKD, QINS
      ManufactureDate         : Date;
      ShelfLifeExpirationDate : Date;
      Supplier                : String(10);
      SupplierBatch           : String(20);
}

entity Stocks : changed {
  key Material         : String(18);
  key Plant            : String(4);
  key StorageLocation  : String(4);
  key Batch            : String(10);
      Quantity         : Decimal(13, 3);
      ReservedQuantity : Decimal(13, 3) default 0;
      BaseUnit         : String(3);
}

entity StorageLocations : changed {
  key Plant                 : String(4);
  key StorageLocation       : String(4);
      StorageLocationName   : String(60);
      StorageLocationType   : String(4) default 'ZONE'; // ZONE, UNIT
      ParentStorageLocation : String(4);
      IsBlocked             : Boolean default false;
}

entity Reservations : changed, referenced {
  key Reservation       : String(10);
      Material          : String(18);
      Plant             : String(4);
      StorageLocation   : String(4);
      Batch             : String(10);
      Quantity          : Decimal(13, 3);
      BaseUnit          : String(3);
      RequirementDate   : Date;
      ManufacturingOrder : String(12);
      CostCenter        : String(10);
      ReferenceNumber   : String(70);
      ReservationStatus : String(4) default 'OPEN'; // OPEN, CANC
}

entity MaterialDocuments : referenced {
  key MaterialDocument  : String(10);
      PostingDate       : Date;
      Material          : String(18);
      Plant             : String(4);
      StorageLocation   : String(4);
      IssuingOrReceivingStorageLoc : String(4); // of 311 and 312: where it goes
      Batch             : String(10);
      GoodsMovementType : String(3);
      Quantity          : Decimal(13, 3);
      EntryUnit         : String(3);
      ReferenceDocument : String(16); // the order
      PurchaseOrderItem : String(5);
      CostCenter        : String(10);
      ReferenceNumber   : String(70);
      MaterialDocumentItemText  : String(200);
      ReversedMaterialDocument  : String(10); // of what takes another back, and of the other
      ReversingMaterialDocument : String(10);
}

entity TransferOrders : changed, referenced {
  key TransferOrder            : String(10);
      Plant                    : String(4);
      IssuingStorageLocation   : String(4);
      ReceivingStorageLocation : String(4);
      TransferOrderStatus      : String(4) default 'CRTD'; // CRTD, ASGN, CMPL, CANC
      PlannedDate              : Date;
      CompletionDate           : Date;
      ReferenceNumber          : String(70);
      to_TransferOrderItem     : Composition of many TransferOrderItems
                                   on to_TransferOrderItem.TransferOrder = $self.TransferOrder;
}

entity TransferOrderItems {
  key TransferOrder     : String(10);
  key TransferOrderItem : String(4);
      Material          : String(18);
      Batch             : String(10);
      Quantity          : Decimal(13, 3);
      QuantityUnit      : String(3);
}

entity PhysicalInventoryCounts : changed, referenced {
  key PhysicalInventoryCount : String(10);
      Plant              : String(4);
      StorageLocation    : String(4);
      Material           : String(18);
      Batch              : String(10);
      CountedQuantity    : Decimal(13, 3);
      BookQuantity       : Decimal(13, 3);
      DifferenceQuantity : Decimal(13, 3);
      QuantityUnit       : String(3);
      CountDate          : Date;
      CountedByUser      : String(200);
      ReferenceNumber    : String(70);
      MaterialDocument   : String(10); // of the difference
}

// --- production ---

entity ProductionOrders : changed {
  key ManufacturingOrder     : String(12);
      Material               : String(18);
      ProductionPlant        : String(4);
      TotalQuantity          : Decimal(13, 3);
      ConfirmedQuantity      : Decimal(13, 3) default 0;
      ScrapQuantity          : Decimal(13, 3) default 0;
      ProductionUnit         : String(3);
      OrderStatus            : String(4) default 'CRTD'; // CRTD, REL, INPR, CNF, TECO, CANC
      OrderText              : String(200);
      OrderPriority          : String(1);
      OverdeliveryTolerance  : Decimal(5, 2) default 10; // per cent
      StorageLocation        : String(4); // where what is made goes
      ReferenceNumber        : String(70);
      PlannedStartDate       : Date;
      PlannedEndDate         : Date;
      ActualReleaseDateTime  : Timestamp;
      ActualStartDateTime    : Timestamp;
      ActualEndDateTime      : Timestamp;
      to_ProductionOrderOperation : Composition of many ProductionOperations
                                      on to_ProductionOrderOperation.ManufacturingOrder = $self.ManufacturingOrder;
      to_ProductionConfirmation   : Association to many ProductionConfirmations
                                      on to_ProductionConfirmation.ManufacturingOrder = $self.ManufacturingOrder;
}

entity ProductionOperations : changed {
  key ManufacturingOrder          : String(12);
  key ManufacturingOrderOperation : String(4);
      WorkCenter                  : String(8);
      OperationText               : String(40);
      StandardTimeMinutes         : Decimal(9, 2);
      ConfirmedYieldQuantity      : Decimal(13, 3) default 0;
      ConfirmedScrapQuantity      : Decimal(13, 3) default 0;
      ConfirmedDuration           : Decimal(9, 2); // minutes
      OperationStatus             : String(4) default 'OPEN'; // OPEN, STRT, PCNF, CNF
      ActualStartDateTime         : Timestamp;
      ActualEndDateTime           : Timestamp;
      to_ProductionOrder          : Association to ProductionOrders
                                      on to_ProductionOrder.ManufacturingOrder = $self.ManufacturingOrder;
}

entity WorkCenters : changed {
  key Plant            : String(4);
  key WorkCenter       : String(8);
      WorkCenterText   : String(60);
      WorkCenterGroup  : String(8);
      WorkCenterStatus : String(4) default 'AVLB'; // AVLB, DOWN, INAC
      PricePerHour     : Decimal(13, 2);
      Currency         : String(3);
}

entity ProductionConfirmations : changed, referenced {
  key ConfirmationNumber          : String(10);
      ManufacturingOrder          : String(12);
      ManufacturingOrderOperation : String(4);
      Plant                       : String(4);
      WorkCenter                  : String(8);
      ConfirmationYieldQuantity   : Decimal(13, 3);
      ConfirmationScrapQuantity   : Decimal(13, 3) default 0;
      ConfirmationUnit            : String(3);
      ConfirmationDateTime        : Timestamp;
      ConfirmationStartDateTime   : Timestamp;
      ConfirmedDuration           : Decimal(9, 2);
      ConfirmedDurationUnit       : String(3);
      ConfirmationText            : String(4000);
      ReferenceNumber             : String(70);
      IsFinalConfirmation         : Boolean default false;
      IsReversed                  : Boolean default false;
      ReversalReason              : String(200);
      PersonnelNumber             : String(8);
      to_ConfirmationMovement     : Composition of many ConfirmationMovements
                                      on to_ConfirmationMovement.ConfirmationNumber = $self.ConfirmationNumber;
}

// What was used, and what was put into stock: posted with the confirmation, taken back with it.
entity ConfirmationMovements {
  key ConfirmationNumber   : String(10);
  key ConfirmationMovement : String(4);
      GoodsMovementType    : String(3); // 261, 131
      Material             : String(18);
      Batch                : String(10);
      StorageLocation      : String(4);
      Quantity             : Decimal(13, 3);
      EntryUnit            : String(3);
      MaterialDocument     : String(10);
}

// --- purchasing and partners ---

entity Suppliers : changed {
  key Supplier     : String(10);
      SupplierName : String(80);
      Country      : String(2);
      StreetName   : String(60);
      PostalCode   : String(10);
      City         : String(40);
      EmailAddress : String(80);
      PhoneNumber  : String(30);
      IsBlocked    : Boolean default false;
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
      ConfirmedQuantity : Decimal(13, 3) default 0;
      ConfirmedDeliveryDate : Date;
}

entity PurchaseOrderConfirmations : changed, referenced {
  key SupplierConfirmation : String(10);
      PurchaseOrder        : String(10);
      PurchaseOrderItem    : String(5);
      ConfirmedQuantity    : Decimal(13, 3);
      OrderUnit            : String(3);
      DeliveryDate         : Date;
      SupplierReference    : String(35);
}

entity InboundDeliveries : changed, referenced {
  key InboundDelivery        : String(10);
      Supplier               : String(10);
      Plant                  : String(4);
      ShippingDate           : Date;
      PlannedArrivalDateTime : Timestamp;
      DeliveryStatus         : String(4) default 'ANNC'; // ANNC, RECD, CANC
      BillOfLading           : String(35);
      to_InboundDeliveryItem : Composition of many InboundDeliveryItems
                                 on to_InboundDeliveryItem.InboundDelivery = $self.InboundDelivery;
}

entity InboundDeliveryItems {
  key InboundDelivery     : String(10);
  key InboundDeliveryItem : String(6);
      Material            : String(18);
      DeliveryQuantity    : Decimal(13, 3);
      DeliveryUnit        : String(3);
      SupplierBatch       : String(20);
      PurchaseOrder       : String(10);
      PurchaseOrderItem   : String(5);
}

// --- costs: nobody keeps their references unique ---

entity CostPostings : changed {
  key AccountingDocument : String(10);
      CompanyCode        : String(4);
      CostCenter         : String(10);
      GLAccount          : String(10);
      OrderID            : String(12);
      MaintenanceOrder   : String(12);
      AmountInCurrency   : Decimal(23, 2);
      Currency           : String(3);
      PostingDate        : Date;
      DocumentText       : String(50);
      ReferenceID        : String(40);
      ReversedDocument   : String(10);
}
