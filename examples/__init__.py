"""One runnable file per task."""
