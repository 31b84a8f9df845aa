"""`python -m cf_vectorize` is the command `cf-vectorize`."""

from cf_vectorize.cli.main import program

program()
