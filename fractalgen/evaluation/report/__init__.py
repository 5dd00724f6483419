"""Show an evaluation: on the terminal, and on a page."""
