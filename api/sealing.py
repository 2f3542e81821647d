"""The key that raw bodies are encrypted with, from the settings or from the data directory."""

from __future__ import annotations

from adapters.inbox.sealing import Seal, load_seal
from api.bootstrap import House


def seal_of(house: House) -> Seal:
    """Raises SealError where there is no key to be had."""
    key = house.settings.inbox.key
    return load_seal(key.get_secret_value() if key else None, house.settings.data_dir)
