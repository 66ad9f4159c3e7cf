"""Where state and record live. `contract` says what callers may rely on; the rest implements it."""
