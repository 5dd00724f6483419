"""What each training method does to a batch and to the loss."""
