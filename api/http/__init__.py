"""The HTTP API: routes, what they ask, what they answer, and what is wrong said as problems."""
