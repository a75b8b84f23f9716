"""Channels that are taken out of a model: a smaller model of the same kind, not zeros."""
