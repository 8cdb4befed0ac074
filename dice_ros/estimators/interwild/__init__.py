"""The estimator ``interwild``: both hands, and where they are to each other; extra ``dice``."""
