-- Questions to the gap register that people keep: `query` is the address's, without moments and cursor. Without an owner it is everybody's.
CREATE TABLE saved_views (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner    text,
    name     text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    query    text NOT NULL CHECK (length(query) <= 2000),
    saved_by text NOT NULL,
    saved_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX saved_views_name ON saved_views (coalesce(owner, ''), name);

-- Decisions on many returns at once: planned, started by a person, worked off one by one, and stopped by a person at any time.
CREATE TABLE bulk_runs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action       text NOT NULL,
    parameters   jsonb NOT NULL,
    query        text NOT NULL,
    planned_by   text NOT NULL,
    planned_at   timestamptz NOT NULL,
    started_at   timestamptz,
    cancelled_at timestamptz,
    cancelled_by text,
    finished_at  timestamptz,
    -- Until then somebody works on it; should he die, another may go on.
    leased_until timestamptz
);
CREATE TABLE bulk_items (
    run       bigint NOT NULL REFERENCES bulk_runs ON DELETE CASCADE,
    number    integer NOT NULL,
    merchant  text NOT NULL,
    platform  text NOT NULL,
    return_id text NOT NULL,
    parameters jsonb NOT NULL DEFAULT '{}',
    currency  text,
    amount    text,
    state     text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'done', 'known', 'refused')),
    said      text,
    PRIMARY KEY (run, number)
);
