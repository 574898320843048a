"""`python -m leffa.cli`: the command line without its script."""

from leffa.cli import app

app()
