-- When a document that an instruction made was first seen again in the ERP, or found to be gone.

ALTER TABLE outbox ADD COLUMN read_back_at timestamptz;
UPDATE outbox SET read_back_at = finished_at WHERE state = 'done';
CREATE INDEX outbox_not_read_back ON outbox (account, finished_at)
    WHERE kind = 'post_credit_note' AND state = 'done' AND read_back_at IS NULL;

-- Returns that nothing could be decided on, each with what stood in the way: gone once something could.
CREATE TABLE outbox_undecided (
    merchant text NOT NULL,
    platform text NOT NULL,
    return_id text NOT NULL,
    error text NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (merchant, platform, return_id)
);
