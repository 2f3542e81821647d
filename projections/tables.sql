-- The read models of a house. Never migrated, only rebuilt: everything here is derived from the log.
-- Names resolve through the search path, so that a rebuild stands in a schema of its own until it is swapped in.

-- One row: how far the log has been folded in, and a name for these tables: those that take their place after a rebuild have another.
CREATE TABLE projection_position (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position   bigint NOT NULL DEFAULT 0,
    shape      text NOT NULL,
    folded_at  timestamptz NOT NULL DEFAULT now(),
    generation uuid NOT NULL DEFAULT gen_random_uuid()
);

-- The return board: today's knowledge, a row a return.
CREATE TABLE returns (
    return_no        bigint PRIMARY KEY,
    merchant         text NOT NULL,
    platform         text NOT NULL,
    return_id        text NOT NULL,
    order_ref        text,
    erp              text,
    currency         text,
    resolution       text,
    stage            text NOT NULL,
    ended            text,
    announced_units  integer NOT NULL,
    units_in         integer NOT NULL,
    refunded_minor   bigint NOT NULL,
    credited_minor   bigint NOT NULL,
    open_gaps        integer NOT NULL,
    events           integer NOT NULL,
    first_at         timestamptz NOT NULL,
    last_at          timestamptz NOT NULL,
    -- By the events' numbers: their order of occurrence, and when each was recorded. So evidence can be told as the history counts it.
    sequence         integer[] NOT NULL,
    recorded_ats     timestamptz[] NOT NULL
) WITH (fillfactor = 80);

-- The gap register, in the time things happened and in the time we knew:
-- a row holds for T and K when  known_from <= K < known_to  and  valid_from <= T  and  (T < valid_to or K < end_known_from).
-- What nothing but time will change has no valid_to but the instant at which it lapses; the row that then begins is by_clock.
CREATE TABLE gaps (
    gap_no         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    return_no      bigint NOT NULL,
    merchant       text NOT NULL,
    platform       text NOT NULL,
    return_id      text NOT NULL,
    kind           text NOT NULL,
    line           text,
    sku            text,
    order_ref      text,
    erp            text,
    currency       text,
    amount_minor   bigint,
    units          integer,
    owner          text NOT NULL,
    assigned_to    text,
    breakdown      bigint[],
    evidence       integer[] NOT NULL,
    explanation    text NOT NULL,
    opened_at      timestamptz NOT NULL,
    due_at         timestamptz NOT NULL,
    valid_from     timestamptz NOT NULL,
    valid_to       timestamptz NOT NULL DEFAULT 'infinity',
    closed         boolean NOT NULL DEFAULT false,
    by_clock       boolean NOT NULL DEFAULT false,
    lapses_at      timestamptz NOT NULL DEFAULT 'infinity',
    known_from     timestamptz NOT NULL,
    end_known_from timestamptz NOT NULL DEFAULT 'infinity',
    known_to       timestamptz NOT NULL DEFAULT 'infinity'
);

-- What was posted, append-only in two times: knowledge that came late reverses with its own rows. The sums are the books.
CREATE TABLE money_moves (
    return_no   bigint NOT NULL,
    merchant    text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    fact        text NOT NULL,
    side        text NOT NULL,
    document    text NOT NULL,
    detail      text NOT NULL,
    currency    text NOT NULL,
    total       bigint NOT NULL,
    items       bigint NOT NULL,
    tax         bigint NOT NULL,
    shipping    bigint NOT NULL,
    fees        bigint NOT NULL,
    unexplained bigint NOT NULL
);

CREATE TABLE unit_moves (
    return_no     bigint NOT NULL,
    merchant      text NOT NULL,
    occurred_at   timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL,
    fact          text NOT NULL,
    line          text NOT NULL,
    sku           text,
    announced     integer NOT NULL,
    with_customer integer NOT NULL,
    in_transit    integer NOT NULL,
    quarantine    integer NOT NULL,
    held          integer NOT NULL,
    saleable      integer NOT NULL,
    written_off   integer NOT NULL,
    unexpected    integer NOT NULL
);

-- Today's sums of the moves, so that the tie-out need not add them all up.
CREATE TABLE money_balances (
    merchant text NOT NULL,
    currency text NOT NULL,
    refunded numeric NOT NULL,
    credited numeric NOT NULL,
    PRIMARY KEY (merchant, currency)
);

CREATE TABLE unit_balances (
    merchant      text NOT NULL,
    sku           text NOT NULL,
    announced     bigint NOT NULL,
    with_customer bigint NOT NULL,
    in_transit    bigint NOT NULL,
    quarantine    bigint NOT NULL,
    held          bigint NOT NULL,
    saleable      bigint NOT NULL,
    written_off   bigint NOT NULL,
    unexpected    bigint NOT NULL,
    PRIMARY KEY (merchant, sku)
);

-- The moves summed up by the day (UTC) on which they happened: the books as of a moment are the days before it and the rest of one.
CREATE TABLE money_days (
    merchant    text NOT NULL,
    currency    text NOT NULL,
    side        text NOT NULL,
    detail      text NOT NULL,
    day         date NOT NULL,
    total       numeric NOT NULL,
    items       numeric NOT NULL,
    tax         numeric NOT NULL,
    shipping    numeric NOT NULL,
    fees        numeric NOT NULL,
    unexplained numeric NOT NULL,
    PRIMARY KEY (merchant, currency, side, detail, day)
);

CREATE TABLE unit_days (
    LIKE unit_balances,
    day date NOT NULL,
    PRIMARY KEY (merchant, sku, day)
);

-- Returns whose facts broke a projection: shown, and left alone until the next rebuild; the others go on.
CREATE TABLE set_aside (
    merchant  text NOT NULL,
    platform  text NOT NULL,
    return_id text NOT NULL,
    position  bigint NOT NULL,
    error     text NOT NULL,
    set_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (merchant, platform, return_id)
);

-- What folding itself finds its rows by; the indexes that answers need stand in indexes.sql.
CREATE UNIQUE INDEX returns_key ON returns (return_id, platform, merchant);
CREATE INDEX gaps_of_return ON gaps (return_no, known_to);
