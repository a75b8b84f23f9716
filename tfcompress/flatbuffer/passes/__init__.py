"""Rewrites of a graph, one a file; `conversion.pipelines` says which run for which scheme, and in which order."""
