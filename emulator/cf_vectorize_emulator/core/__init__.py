"""What the service does, with no HTTP: batches, vectors, when they are readable, and what goes wrong."""
