"""Whole recipes as code."""
