"""What draws and repairs sets."""
