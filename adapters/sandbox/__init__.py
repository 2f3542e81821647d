"""The sandbox: a simulator for each outside system, stateful and seeded, injected into tests and served over HTTP for the demo."""
