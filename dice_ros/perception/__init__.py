"""Finding and tracking faces and hands in images."""
