"""The estimator ``dice+interwild``: DICE at the face, InterWild for the other hand."""
