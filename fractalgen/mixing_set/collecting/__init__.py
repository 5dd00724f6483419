"""A user's own images, from folders, archives and the web, copied into a set."""
