"""The ways in: settings, the composition root, HTTP, the console and the command line."""
