"""Stage 7: results in, a table, JSON, a model card or a page out."""
