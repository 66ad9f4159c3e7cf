"""The console: a door for people."""
