"""The HTTP side: read a request, hand it to the engine, answer. No tensor crosses this line."""
