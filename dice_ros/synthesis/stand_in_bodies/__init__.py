"""Stand-ins for the licensed body models: CC0, made from the open head and hand."""
