"""A callback that puts zeros into the kernels of a model while it trains."""
