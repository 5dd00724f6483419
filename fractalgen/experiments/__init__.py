"""Train and evaluate many runs, and compare them."""
