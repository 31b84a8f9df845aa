"""The specification as a judge: whether requests and answers keep it, and whether a service does."""
