-- Instructions on their way to an ERP, or to a platform: written in the transaction that records them.
-- `account` is who is to do it: `erp/NAME`, or `connection/NAME` for the release of a refund. `number` gives their order within a return.
CREATE TABLE outbox (
    id            text PRIMARY KEY,
    number        bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    account       text NOT NULL,
    connection    text NOT NULL,
    merchant      text NOT NULL,
    platform      text NOT NULL,
    return_id     text NOT NULL,
    kind          text NOT NULL,
    -- What it takes its turn with: an unfinished one holds back later ones of the same return in a lane of its own.
    lanes         text[] NOT NULL,
    -- waiting: declined, until its cause is gone (`next_at` says when that is looked at) or a person acts (no `next_at`).
    state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'waiting', 'done', 'dead', 'abandoned')),
    issued_at     timestamptz NOT NULL,
    next_at       timestamptz,
    attempts      integer NOT NULL DEFAULT 0,
    failing_since timestamptz,
    tried_at      timestamptz,
    -- Set, and committed, before anything is sent; taken back where it is certain that nothing was done. Whoever finds it set asks first.
    sent_at       timestamptz,
    lease_owner   text,
    lease_until   timestamptz,
    waits_for     text,
    answer        text,
    document      text,
    owner         text NOT NULL,
    batch         text,
    order_ref     text,
    erp_order     text,
    currency      text,
    amount_minor  bigint,
    booked_minor  bigint,
    finished_at   timestamptz
);
CREATE INDEX outbox_queue ON outbox (account, state, next_at, number) WHERE state IN ('pending', 'waiting');
CREATE INDEX outbox_return ON outbox (merchant, platform, return_id, number);
CREATE INDEX outbox_order ON outbox (account, erp_order) WHERE kind = 'post_credit_note';
CREATE INDEX outbox_batch ON outbox (batch) WHERE batch IS NOT NULL;

-- How each account fares: its circuit breaker, who paused it, how far it has been read back.
-- `rest_until`: it asked to be left alone until then. `probe_at`: when an open breaker lets one call through.
CREATE TABLE outbox_accounts (
    account         text PRIMARY KEY,
    breaker         text NOT NULL DEFAULT 'closed' CHECK (breaker IN ('closed', 'open', 'half_open')),
    failures        integer NOT NULL DEFAULT 0,
    failing_since   timestamptz,
    opened_at       timestamptz,
    openings        integer NOT NULL DEFAULT 0,
    probe_at        timestamptz,
    rest_until      timestamptz,
    refused         boolean NOT NULL DEFAULT false,
    paused_at       timestamptz,
    paused_by       text,
    paused_why      text,
    cursor          jsonb,
    polled_at       timestamptz,
    poll_at         timestamptz,
    poll_attempts   integer NOT NULL DEFAULT 0,
    last_success_at timestamptz,
    last_error      text,
    last_error_at   timestamptz
);

-- Credit notes posted at set times. Totals are minor units by currency: what the log says, and what the ERP has booked, read back.
CREATE TABLE outbox_batches (
    id         text PRIMARY KEY,
    account    text NOT NULL,
    post_at    timestamptz NOT NULL,
    notes      integer NOT NULL DEFAULT 0,
    told       jsonb NOT NULL DEFAULT '{}',
    booked     jsonb NOT NULL DEFAULT '{}',
    proved     boolean,
    looked_at  timestamptz,
    note       text
);

-- How far the log has been decided on, and by which policies. `again`: how far it has been decided on once more since they changed.
CREATE TABLE outbox_position (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL DEFAULT 0,
    terms    text NOT NULL DEFAULT '',
    again    bigint
);
INSERT INTO outbox_position DEFAULT VALUES;

-- Which returns name an order, as far as the log has been decided on; `order_key` is the order's name without a leading #.
CREATE TABLE outbox_orders (
    merchant  text NOT NULL,
    order_key text NOT NULL,
    platform  text NOT NULL,
    return_id text NOT NULL,
    PRIMARY KEY (merchant, order_key, platform, return_id)
);

-- On which stream each document of an ERP stands. One that names no return stands on a stream of its own, until its return turns up.
CREATE TABLE outbox_documents (
    erp       text NOT NULL,
    kind      text NOT NULL,
    number    text NOT NULL,
    merchant  text NOT NULL,
    platform  text NOT NULL,
    return_id text NOT NULL,
    order_key text,
    PRIMARY KEY (erp, kind, number, merchant, platform, return_id)
);
CREATE INDEX outbox_orphans ON outbox_documents (merchant, order_key) WHERE order_key IS NOT NULL;
