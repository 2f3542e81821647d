"""The rules: facts, state, gaps, postings and policies of returns; pure, without clock or I/O."""
