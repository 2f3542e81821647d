"""Alerts and digests."""
