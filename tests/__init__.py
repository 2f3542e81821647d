"""The tests: rules, adapters and the house as a whole, on real servers."""
