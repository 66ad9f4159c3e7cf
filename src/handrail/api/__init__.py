"""The HTTP API: a door that translates, asks identity who it is, and nothing else (DOORS)."""

from handrail.api.app import build

__all__ = ["build"]
