"""The embedded demonstration model: small networks, their weights, and the read-out of a sharp picture."""
