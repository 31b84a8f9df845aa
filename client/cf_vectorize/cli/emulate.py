"""`cf-vectorize emulate`, which lives with the emulator."""

from cf_vectorize_emulator.command import add_arguments, run

__all__ = ["add_arguments", "run"]
