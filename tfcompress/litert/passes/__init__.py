"""Rewrites of a graph, one a file, each with what becomes what; `conversion.converter` runs them in order."""
