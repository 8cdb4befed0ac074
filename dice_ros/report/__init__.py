"""A page about touches that needs nothing but a browser."""
