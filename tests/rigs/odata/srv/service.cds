using factory from '../db/schema';

@path : '/odata/v4/erp'
@requires : 'erp-user'
service ErpService {
  @readonly entity A_Material          as projection on factory.Materials;
  @readonly entity A_Supplier          as projection on factory.Suppliers;
  @readonly entity A_MaterialDocument  as projection on factory.MaterialDocuments;
  @readonly entity A_MaterialStock     as projection on factory.Stocks;

  entity A_ProductionOrder             as projection on factory.ProductionOrders {
    *,
    to_ProductionOrderOperation : redirected to A_ProductionOrderOperation
  } actions {
    action Release() returns A_ProductionOrder;
  };
  entity A_ProductionOrderOperation    as projection on factory.ProductionOperations;

  entity A_PurchaseOrder               as projection on factory.PurchaseOrders {
    *,
    to_PurchaseOrderItem : redirected to A_PurchaseOrderItem
  };
  entity A_PurchaseOrderItem           as projection on factory.PurchaseOrderItems;

  action PostGoodsMovement(
    Material          : String(18) not null,
    Plant             : String(4) not null,
    StorageLocation   : String(4) not null,
    Batch             : String(10) not null,
    GoodsMovementType : String(3) not null,
    Quantity          : Decimal(13, 3) not null,
    ReferenceDocument : String(16)
  ) returns A_MaterialDocument;
}

annotate ErpService.A_ProductionOrder with { LastChangeDateTime @odata.etag };
annotate ErpService.A_PurchaseOrder   with { LastChangeDateTime @odata.etag };
annotate ErpService.A_PurchaseOrder   with { Supplier @mandatory };
annotate ErpService.A_PurchaseOrderItem with { Material @mandatory; OrderQuantity @mandatory };
