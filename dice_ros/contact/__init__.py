"""What touches what: proximity, deformation, summaries."""
