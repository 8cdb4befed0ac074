"""The estimator ``dice``: learned meshes, contact and deformation. Needs the extra ``dice``."""
