-- What may be sold of a SKU, to be told to a connection's shop since it changed at the ERP. `next_at` is null once the shop knows.

CREATE TABLE outbox_availability (
    connection text NOT NULL,
    sku text NOT NULL,
    changed_at timestamptz NOT NULL,
    next_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    published_at timestamptz,
    told jsonb,
    error text,
    PRIMARY KEY (connection, sku)
);
CREATE INDEX outbox_availability_due ON outbox_availability (next_at) WHERE next_at IS NOT NULL;
