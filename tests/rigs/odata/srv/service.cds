using factory from '../db/schema';

@path : '/odata/v4/erp'
@requires : ['erp-user', 'erp-admin']
service ErpService {
  entity A_Material           as projection on factory.Materials;
  entity A_BillOfMaterialItem as projection on factory.BillOfMaterialItems;
  entity A_Batch              as projection on factory.Batches actions {
    action Block() returns A_Batch;
    action Unblock() returns A_Batch;
  };
  entity A_MaterialStock      as projection on factory.Stocks;
  entity A_Supplier           as projection on factory.Suppliers;
  entity A_StorageLocation    as projection on factory.StorageLocations;
  entity A_MaterialDocument as projection on factory.MaterialDocuments;
  entity A_Reservation        as projection on factory.Reservations actions {
    action Cancel() returns A_Reservation;
  };
  entity A_TransferOrder      as projection on factory.TransferOrders {
    *,
    to_TransferOrderItem : redirected to A_TransferOrderItem
  } actions {
    action Assign() returns A_TransferOrder;
    action Complete() returns A_TransferOrder;
    action Cancel() returns A_TransferOrder;
  };
  entity A_TransferOrderItem  as projection on factory.TransferOrderItems;
  entity A_PhysicalInventoryCount as projection on factory.PhysicalInventoryCounts;

  entity A_ProductionOrder    as projection on factory.ProductionOrders {
    *,
    to_ProductionOrderOperation : redirected to A_ProductionOrderOperation,
    to_ProductionConfirmation : redirected to A_ProductionConfirmation
  } actions {
    action Release() returns A_ProductionOrder;
    action Start(ActualStartDateTime : Timestamp) returns A_ProductionOrder;
    action TechnicallyComplete() returns A_ProductionOrder;
    action Cancel() returns A_ProductionOrder;
  };
  entity A_ProductionOrderOperation as projection on factory.ProductionOperations {
    *,
    to_ProductionOrder : redirected to A_ProductionOrder
  } actions {
    action Start(ActualStartDateTime : Timestamp) returns A_ProductionOrderOperation;
  };
  entity A_WorkCenter               as projection on factory.WorkCenters;
  entity A_ProductionConfirmation   as projection on factory.ProductionConfirmations {
    *,
    to_ConfirmationMovement : redirected to A_ConfirmationMovement
  } actions {
    action Reverse(ReversalReason : String(200)) returns A_ProductionConfirmation;
  };
  entity A_ConfirmationMovement     as projection on factory.ConfirmationMovements;

  entity A_PurchaseOrder      as projection on factory.PurchaseOrders {
    *,
    to_PurchaseOrderItem : redirected to A_PurchaseOrderItem
  };
  entity A_PurchaseOrderItem  as projection on factory.PurchaseOrderItems;
  entity A_PurchaseOrderConfirmation as projection on factory.PurchaseOrderConfirmations;
  entity A_InboundDelivery    as projection on factory.InboundDeliveries {
    *,
    to_InboundDeliveryItem : redirected to A_InboundDeliveryItem
  } actions {
    action Receive() returns A_InboundDelivery;
    action Cancel() returns A_InboundDelivery;
  };
  entity A_InboundDeliveryItem as projection on factory.InboundDeliveryItems;
  entity A_CostPosting        as projection on factory.CostPostings;

  action PostGoodsMovement(
    Material          : String(18) not null,
    Plant             : String(4) not null,
    StorageLocation   : String(4) not null,
    Batch             : String(10) not null,
    GoodsMovementType : String(3) not null,
    Quantity          : Decimal(13, 3) not null,
    ReferenceDocument : String(16),
    ExternalReference : String(40)
  ) returns A_MaterialDocument;

  function AvailableQuantity(
    Material : String(18) not null,
    Plant    : String(4) not null
  ) returns Decimal(13, 3);
}

// Master data and stock are the administrator's; the rest is anybody's who may come in.
annotate ErpService.A_Material with @restrict : [{grant : 'READ'}, {grant : '*', to : 'erp-admin'}];
annotate ErpService.A_BillOfMaterialItem with @restrict : [{grant : 'READ'}, {grant : '*', to : 'erp-admin'}];
annotate ErpService.A_MaterialStock with @restrict : [{grant : 'READ'}, {grant : '*', to : 'erp-admin'}];
annotate ErpService.A_StorageLocation with @restrict : [{grant : 'READ'}, {grant : '*', to : 'erp-admin'}];
annotate ErpService.A_WorkCenter with @restrict : [{grant : 'READ'}, {grant : '*', to : 'erp-admin'}];
annotate ErpService.A_PhysicalInventoryCount with @restrict : [{grant : ['READ', 'CREATE']}];
annotate ErpService.A_Supplier with @restrict : [{grant : ['READ', 'UPDATE']}, {grant : '*', to : 'erp-admin'}];
annotate ErpService.A_MaterialDocument with @restrict : [{grant : ['READ', 'CREATE']}];
annotate ErpService.A_Batch with @restrict : [{grant : ['READ', 'UPDATE', 'Block', 'Unblock']}, {grant : '*', to : 'erp-admin'}];

annotate ErpService.A_Batch            with { LastChangeDateTime @odata.etag };
annotate ErpService.A_Supplier         with { LastChangeDateTime @odata.etag };
annotate ErpService.A_ProductionOrder  with { LastChangeDateTime @odata.etag };
annotate ErpService.A_ProductionOrderOperation with { LastChangeDateTime @odata.etag };
annotate ErpService.A_ProductionConfirmation with { LastChangeDateTime @odata.etag };
annotate ErpService.A_TransferOrder    with { LastChangeDateTime @odata.etag };
annotate ErpService.A_PurchaseOrder    with { LastChangeDateTime @odata.etag };
annotate ErpService.A_InboundDelivery  with { LastChangeDateTime @odata.etag };
annotate ErpService.A_Reservation      with { LastChangeDateTime @odata.etag };
annotate ErpService.A_PurchaseOrder    with { Supplier @mandatory };
annotate ErpService.A_PurchaseOrderItem with { Material @mandatory; OrderQuantity @mandatory };
annotate ErpService.A_ProductionConfirmation with {
  ManufacturingOrder @mandatory; ManufacturingOrderOperation @mandatory; ConfirmationYieldQuantity @mandatory
};
annotate ErpService.A_CostPosting with { AmountInCurrency @mandatory; Currency @mandatory };
