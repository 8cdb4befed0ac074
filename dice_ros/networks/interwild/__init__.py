"""InterWild: both hands of a person from one picture (Moon, CVPR 2023), one concept a file."""
