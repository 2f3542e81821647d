"""Patchworks' simulator: triggers, flow runs, and an ERP behind the flow."""

from adapters.sandbox.patchworks.simulator import PatchworksSandbox

__all__ = ["PatchworksSandbox"]
