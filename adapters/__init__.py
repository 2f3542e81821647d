"""The ledger's ways to the outside: its database, its files, the platforms and ERPs."""
