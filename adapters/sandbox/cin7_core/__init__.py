"""A simulated Cin7 Core: sales, credit notes and stock behind its API, with its refusals and its quota."""

from adapters.sandbox.cin7_core.simulator import Cin7CoreSandbox

__all__ = ["Cin7CoreSandbox"]
