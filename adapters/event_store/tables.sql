-- The event store's tables, made once, in the schema of the house (it is first on the search path).

-- The log. Positions (notification_id) have no gaps, and commit in their order. `chain` seals each event together with all before it:
--   sha256(chain of the event before, or 32 zero bytes || int8send(notification_id) || originator_id || zero byte
--          || int8send(originator_version) || topic || zero byte || state)
CREATE TABLE stored_events (
    originator_id text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigint NOT NULL,
    chain bytea NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
);
CREATE UNIQUE INDEX stored_events_notification_id_idx ON stored_events (notification_id);

-- Always empty. Who appends locks it first. Not the log itself: VACUUM and ANALYZE of the log would shut the writers out for as long as they run.
CREATE TABLE append_turn ();

-- Under which keys a fact is known, with the digest of its content; each is a hash of 16 bytes, which is what a uuid holds.
CREATE TABLE fact_keys (
    key uuid PRIMARY KEY,
    content uuid NOT NULL,
    position bigint NOT NULL
);

-- The log as people read it.
CREATE VIEW event_log AS
SELECT notification_id AS position,
    originator_id AS stream,
    originator_version AS version,
    topic,
    (told.state ->> 'recorded_at')::timestamptz AS recorded_at,
    (told.state ->> 'occurred_at')::timestamptz AS occurred_at,
    told.state
FROM stored_events CROSS JOIN LATERAL (SELECT convert_from(stored_events.state, 'UTF8')::jsonb AS state) AS told;
