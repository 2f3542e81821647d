-- Webhooks, and polled records that something is left to do with: stored before anything is made of them.
-- `headers` are without secrets; `body` is encrypted, and null once it has been erased.
CREATE TABLE inbox (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection     text NOT NULL,
    merchant       text NOT NULL,
    topic          text NOT NULL,
    -- With the connection, what makes a delivery the same one: its topic with the vendor's id, or with a digest of its body.
    delivery_key   text NOT NULL,
    received_at    timestamptz NOT NULL,
    headers        jsonb NOT NULL,
    body           bytea,
    body_erased_at timestamptz,
    state          text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'ignored', 'failed')),
    attempts       integer NOT NULL DEFAULT 0,
    -- When a pending delivery is due. Whoever takes it moves this on: should he die, it is due again.
    next_at        timestamptz NOT NULL,
    error          text,
    note           text,
    recorded       integer NOT NULL DEFAULT 0,
    known          integer NOT NULL DEFAULT 0,
    unmapped       jsonb NOT NULL DEFAULT '[]',
    joined         jsonb NOT NULL DEFAULT '[]',
    waits_for      text,
    finished_at    timestamptz,
    returns        text[] NOT NULL DEFAULT '{}',
    orders         text[] NOT NULL DEFAULT '{}',
    CHECK ((body IS NULL) = (body_erased_at IS NOT NULL))
);
-- What is encrypted cannot be compressed.
ALTER TABLE inbox ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX inbox_delivery ON inbox (connection, delivery_key);
CREATE INDEX inbox_queue ON inbox (connection, next_at) WHERE state = 'pending';
CREATE INDEX inbox_failed ON inbox (connection, id) WHERE state = 'failed';
CREATE INDEX inbox_bodies ON inbox (received_at) WHERE body_erased_at IS NULL;

-- How far each connection has been polled, and when it will be again.
CREATE TABLE poll_cursors (
    connection    text PRIMARY KEY,
    cursor        jsonb,
    polled_at     timestamptz,
    next_at       timestamptz,
    attempts      integer NOT NULL DEFAULT 0,
    error         text,
    failing_since timestamptz
);

-- How each connection's deliveries fare. `refused`: the vendor does not accept the credentials, a person must act.
CREATE TABLE connection_state (
    connection       text PRIMARY KEY,
    last_delivery_at timestamptz,
    last_success_at  timestamptz,
    last_error       text,
    last_error_at    timestamptz,
    failing_since    timestamptz,
    refused          boolean NOT NULL DEFAULT false,
    paused_until     timestamptz
);

-- Token buckets: how many calls each account at a vendor has left, for all processes together.
CREATE TABLE api_quota (
    account    text PRIMARY KEY,
    tokens     double precision NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Who had the bodies of an order's deliveries erased, and why.
CREATE TABLE erasures (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merchant   text NOT NULL,
    order_ref  text NOT NULL,
    erased_at  timestamptz NOT NULL,
    by         text NOT NULL,
    reason     text NOT NULL,
    bodies     integer NOT NULL
);
