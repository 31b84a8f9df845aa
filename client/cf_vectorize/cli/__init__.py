"""The command `cf-vectorize`."""
