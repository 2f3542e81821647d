-- What is known of commands that are acknowledged later: when each was sent, and what was told of it. Bodies are not kept.
-- `answered`: whoever took it said so; `run` is its name for what it began.
CREATE TABLE command_sendings (
    erp        text NOT NULL,
    command_id text NOT NULL,
    sent_at    timestamptz NOT NULL,
    answered   boolean NOT NULL DEFAULT false,
    run        text,
    PRIMARY KEY (erp, command_id, sent_at)
);

-- `ack` holds what is understood of one telling; `digest` is of that, so that the same telling is kept once.
CREATE TABLE command_acks (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    erp         text NOT NULL,
    command_id  text NOT NULL,
    digest      bytea NOT NULL,
    received_at timestamptz NOT NULL,
    ack         jsonb NOT NULL,
    UNIQUE (erp, command_id, digest)
);
