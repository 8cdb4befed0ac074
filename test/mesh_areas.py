"""Areas of vertices, worked out over the whole mesh: what summaries of a few are compared with."""

import numpy as np


def vertex_areas(vertices, triangles):
    """(V,) a third of the triangles around each vertex, in the unit squared."""
    first, second, third = (vertices[triangles[:, corner]].astype(float) for corner in range(3))
    areas = np.linalg.norm(np.cross(second - first, third - first), axis=1) / 2.0
    summed = np.zeros(len(vertices))
    for corner in range(3):
        np.add.at(summed, triangles[:, corner], areas / 3.0)
    return summed
