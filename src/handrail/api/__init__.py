"""The HTTP API: a door for programs."""
