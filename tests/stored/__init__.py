"""What was ever written to the log, and that it can still be read."""
