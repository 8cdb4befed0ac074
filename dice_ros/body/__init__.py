"""Head and hand models: meshes, skeletons, shape spaces."""
