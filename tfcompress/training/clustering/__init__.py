"""A callback that leaves a few values to each kernel of a model while it trains."""
