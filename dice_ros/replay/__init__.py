"""Files, bags and cameras in; results out."""
