"""Official weights: which files there are, how to get, read, check and convert them, and their licences."""
