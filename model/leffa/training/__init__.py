"""Training: data made by code, one loop, and the recipe of the embedded model."""
