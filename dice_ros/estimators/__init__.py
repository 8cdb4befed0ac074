"""Ways to get from one observation to meshes and contacts."""
