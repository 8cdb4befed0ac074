"""Drawing meshes into pictures."""
