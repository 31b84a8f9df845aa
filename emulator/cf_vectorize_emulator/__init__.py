"""A local Vectorize: the two endpoints, their limits and their errors, with no account."""
