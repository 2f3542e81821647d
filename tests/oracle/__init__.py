"""The oracle: a slow, literal second reading of what facts mean, sharing no code with the ledger it is compared with."""
