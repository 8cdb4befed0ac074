"""Pictures made by ourselves, with exact ground truth."""
