"""``python -m leffa.cli``."""

from leffa.cli import app

if __name__ == "__main__":  # the engine's process imports this file again
    app()
