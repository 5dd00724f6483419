"""What PyTorch code imports: datasets, transforms, a collate function and the loss."""
