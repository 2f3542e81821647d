"""The ERPs: each kind has a room of its own behind the one port."""
