"""The inbox: what platforms send and what is polled of them, kept until every fact in it is in the ledger."""
