"""Looking at results in 3D: frames as coloured meshes, files of them, a window."""
