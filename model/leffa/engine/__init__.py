"""Whose turn it is, on which device: the model behind a line of waiting requests."""
