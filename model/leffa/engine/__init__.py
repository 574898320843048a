"""Whose turn it is, on which device: the models behind a line of waiting requests."""
