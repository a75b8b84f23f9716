"""The command line: a file for each command, with `add` (its arguments) and `run` (what it calls in the library)."""
