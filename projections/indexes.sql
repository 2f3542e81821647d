-- What answers are found by. A rebuild fills its tables first and makes these afterwards.
CREATE INDEX returns_last_at ON returns (last_at, return_no);
CREATE INDEX gaps_open_due ON gaps (due_at, gap_no) WHERE known_to = 'infinity' AND valid_to = 'infinity';
CREATE INDEX gaps_open_kind ON gaps (kind, due_at, gap_no) WHERE known_to = 'infinity' AND valid_to = 'infinity';
CREATE INDEX gaps_open_merchant ON gaps (merchant, due_at, gap_no) WHERE known_to = 'infinity' AND valid_to = 'infinity';
CREATE INDEX gaps_ended ON gaps (valid_to, valid_from) WHERE known_to = 'infinity' AND valid_to < 'infinity';
CREATE INDEX money_moves_at ON money_moves (occurred_at);
CREATE INDEX unit_moves_at ON unit_moves (occurred_at);
