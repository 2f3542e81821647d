"""Instructions: decided from the log, carried out at ERPs and platforms exactly once, and what people change there read back."""
