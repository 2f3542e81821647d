"""A simulated Linnworks: orders, refunds, RMAs, stock and scrap, in its shapes and with its refusals."""

from adapters.sandbox.linnworks.simulator import SANDBOX_CREDENTIALS, LinnworksSandbox

__all__ = ["SANDBOX_CREDENTIALS", "LinnworksSandbox"]
