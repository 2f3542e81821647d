-- What somebody decided and a second person has to decide as well, since it gives up more than one may alone.
CREATE TABLE proposals (
    merchant    text NOT NULL,
    platform    text NOT NULL,
    return_id   text NOT NULL,
    -- A digest of what is decided, without who, when and why.
    decision    text NOT NULL,
    by          text NOT NULL,
    proposed_at timestamptz NOT NULL,
    PRIMARY KEY (merchant, platform, return_id, decision, by)
);
