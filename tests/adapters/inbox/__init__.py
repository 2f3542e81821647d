"""The inbox: what came in is worked off, whatever breaks meanwhile."""
