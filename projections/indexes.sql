-- What answers are found by. A rebuild fills its tables first and makes these afterwards.
CREATE INDEX returns_last_at ON returns (last_at, return_no);

-- Open gaps, in order of due_at. What can be filtered by stands behind the order: PostgreSQL then tells in the index what does not fit.
-- What is counted of them comes along, so that counting reads nothing else.
CREATE INDEX gaps_open_due ON gaps (due_at, gap_no, kind, merchant, currency, platform, owner, valid_from)
    INCLUDE (opened_at, amount_minor, units, by_clock, lapses_at) WHERE known_to = 'infinity' AND valid_to = 'infinity';
-- The same, the oldest first: what waits for somebody, and lists by age.
CREATE INDEX gaps_open_since ON gaps (opened_at, gap_no, kind, merchant, currency, platform, owner)
    WHERE known_to = 'infinity' AND valid_to = 'infinity';
CREATE INDEX gaps_open_kind ON gaps (kind, due_at, gap_no, merchant, currency, platform)
    WHERE known_to = 'infinity' AND valid_to = 'infinity';
-- Closed gaps, asked kind by kind.
CREATE INDEX gaps_closed ON gaps (kind, due_at, gap_no, valid_to, merchant, currency, platform, owner)
    WHERE known_to = 'infinity' AND valid_to < 'infinity' AND closed;
-- The same, what was closed last.
CREATE INDEX gaps_closed_at ON gaps (kind, valid_to, gap_no, merchant, currency, platform, owner)
    WHERE known_to = 'infinity' AND valid_to < 'infinity' AND closed;
-- Gaps that were open once, by how long they were: the two halves of a list as of a moment, see finding.py.
CREATE INDEX gaps_ended_due ON gaps (
    width_bucket(valid_to - opened_at, '{1min,4min,16min,64min,256min,1024min,4096min,16384min,65536min,262144min,1048576min}'::interval[]),
    due_at, gap_no, valid_to
) WHERE known_to = 'infinity' AND valid_to < 'infinity';
CREATE INDEX gaps_ended_opened ON gaps (
    width_bucket(valid_to - opened_at, '{1min,4min,16min,64min,256min,1024min,4096min,16384min,65536min,262144min,1048576min}'::interval[]),
    opened_at, valid_to
) WHERE known_to = 'infinity' AND valid_to < 'infinity';
-- Rows about which more was learnt, by how long it took.
CREATE INDEX gaps_changed ON gaps (
    width_bucket(
        (CASE WHEN known_to < 'infinity' THEN known_to ELSE end_known_from END) - known_from,
        '{1min,4min,16min,64min,256min,1024min,4096min,16384min,65536min,262144min,1048576min}'::interval[]
    ),
    known_from, (CASE WHEN known_to < 'infinity' THEN known_to ELSE end_known_from END)
) WHERE least(known_to, end_known_from) < 'infinity';

-- The books as of a moment: the rest of its day; as known at one, today's balances less what was learnt later.
CREATE INDEX money_moves_at ON money_moves (occurred_at);
CREATE INDEX money_moves_known ON money_moves (recorded_at);
CREATE INDEX money_moves_of ON money_moves (merchant, currency, occurred_at, recorded_at);
CREATE INDEX unit_moves_at ON unit_moves (occurred_at);
CREATE INDEX unit_moves_known ON unit_moves (recorded_at);
-- What one platform asks about another's returns: those of an order, and the one that a refund stands on. People ask by a note's number.
CREATE INDEX returns_of_order ON returns (order_ref, merchant) WHERE order_ref IS NOT NULL;
CREATE INDEX money_moves_document ON money_moves (document, merchant);
