-- What people said which SKU of an ERP a platform's SKU is, by merchant: the newest SkuMatched of a person. Other returns that wait with
-- the SKU are told so, each by a fact of its own, so that the log stays the whole truth and this table can be made from it.
CREATE TABLE sku_map (
    merchant   text NOT NULL,
    erp        text NOT NULL,
    sku        text NOT NULL,
    to_sku     text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (merchant, erp, sku)
);
