"""A runtime is one file in this folder: its engine, and `RUNTIMES`, which says what it is called and what it can."""
