"""All that is known of LiteRT's ops, one row an op; start at `op_catalogue`."""
