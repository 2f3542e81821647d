"""How often a platform may be called: the rates and turns of `adapters.vendor.quota`, by their old address."""

from adapters.vendor.quota import PATIENCE_SECONDS, Rate, Turns, WaitTurn, take

__all__ = ["PATIENCE_SECONDS", "Rate", "Turns", "WaitTurn", "take"]
