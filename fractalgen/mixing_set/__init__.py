"""Sets on disk: describe, draw, check and show them."""
