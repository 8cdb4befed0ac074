"""Reading public data sets as their authors lay them out."""
