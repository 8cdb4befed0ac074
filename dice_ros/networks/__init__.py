"""The networks in plain PyTorch, readable top to bottom like the papers; extra ``dice``."""
