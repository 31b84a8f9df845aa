"""Insert at any size: many batches."""
