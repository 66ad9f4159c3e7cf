"""Handrail: the control plane between AI agents and the tools of an MSP's clients."""

__version__ = "0.1.0"
