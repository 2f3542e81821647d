-- What is to be told to people, written down before it is sent: one row a message and channel. `about` makes a repeat impossible.
CREATE TABLE notices (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel    text NOT NULL,
    about      text NOT NULL,
    subject    text NOT NULL,
    body       text NOT NULL,
    made_at    timestamptz NOT NULL,
    next_at    timestamptz NOT NULL,
    attempts   integer NOT NULL DEFAULT 0,
    state      text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'dead')),
    sent_at    timestamptz,
    error      text,
    UNIQUE (channel, about)
);
CREATE INDEX notices_due ON notices (next_at) WHERE state = 'pending';

-- Which gaps a rule has told of, so that it tells each of them once.
CREATE TABLE alerted (
    rule   text NOT NULL,
    gap    text NOT NULL,
    at     timestamptz NOT NULL,
    PRIMARY KEY (rule, gap)
);
