"""Telling people of gaps: by mail, chat and signed webhook, once each, not at night, and a digest a day."""
