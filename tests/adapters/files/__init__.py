"""Tests of the file-reading room: each kind, each way a row can be wrong, and the files that hold what was rejected."""
