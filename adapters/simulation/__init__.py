"""The whole world by seed: platforms, a warehouse, an ERP with faults, people who change documents there, and our own workers killed."""

from adapters.simulation.run import ERPS, Report, simulate

__all__ = ["ERPS", "Report", "simulate"]
