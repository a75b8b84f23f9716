"""Side-by-side runs. Each file answers one question and prints what the docs quote."""
