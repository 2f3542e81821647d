"""The answers: read models in PostgreSQL, derived from the log and rebuilt at will."""
