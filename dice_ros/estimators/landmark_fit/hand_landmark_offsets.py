"""Where the hand network sees its landmarks on the open hand.

The network was taught by people who marked creases and knuckles; the joints of the open hand lie
inside it, and its wrist 17 mm nearer to the elbow. Fitting joints to landmarks as if they were the
same made hands come out 14 % too far away. The offsets were solved on the train split of our own
renders by ``bench/hand_landmark_offsets.py``: the median distance in the picture fell from 4-17 mm
to 3-10 mm.
"""

from __future__ import annotations

import numpy as np

from dice_ros.types import Float64Array

LANDMARK_OFFSETS_M: Float64Array = np.array(
    [
        (-0.0080, 0.0099, -0.0121),
        (0.0099, 0.0026, -0.0037),
        (-0.0016, -0.0001, -0.0083),
        (-0.0049, -0.0001, 0.0023),
        (-0.0033, -0.0054, 0.0064),
        (0.0016, -0.0025, 0.0076),
        (0.0029, 0.0042, 0.0004),
        (0.0001, 0.0019, 0.0007),
        (-0.0033, -0.0052, 0.0054),
        (0.0045, -0.0025, 0.0042),
        (0.0039, 0.0016, 0.0001),
        (0.0028, -0.0003, 0.0020),
        (0.0004, -0.0068, 0.0046),
        (0.0059, -0.0013, 0.0042),
        (0.0030, 0.0035, 0.0002),
        (0.0018, 0.0010, 0.0017),
        (0.0015, -0.0063, 0.0031),
        (0.0067, -0.0024, 0.0025),
        (0.0027, 0.0026, -0.0001),
        (0.0003, 0.0009, 0.0006),
        (0.0016, -0.0041, 0.0018),
    ]
)
"""(21, 3) metres in the rest pose of the right hand, from joint to landmark."""
