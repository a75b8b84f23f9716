"""Stage 7: results in, a table, JSON, Markdown or a page out."""
