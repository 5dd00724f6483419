"""Image files: decode, check, resize and encode them."""
