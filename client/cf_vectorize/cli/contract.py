"""`cf-vectorize contract`, which lives with the contract."""

from cf_vectorize_contract.command import add_arguments, run

__all__ = ["add_arguments", "run"]
