"""The command line: a door for terminals."""
