-- Where the ERP is read back from once more when the outcome of an instruction is known: it was told of what the instruction had made
-- before anybody knew that it had. {"cursor": …} as it stood then.

ALTER TABLE outbox ADD COLUMN read_early jsonb, ADD COLUMN read_early_at timestamptz;
CREATE INDEX outbox_read_early ON outbox (account, read_early_at) WHERE read_early IS NOT NULL;
