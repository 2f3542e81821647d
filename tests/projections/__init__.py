"""The read models in PostgreSQL, against the oracle and against themselves."""
