"""Where the hand network puts its landmarks on the open hand, as offsets from the joints.

The network was taught by people who marked knuckles and creases; the joints of the open hand lie
inside it. For renders of the train split with a known pose, the offset of each landmark in its
bone's frame is solved by robust least squares over all pictures. Prints the table that
``hand_landmark_offsets.py`` of the estimator holds.
"""

from __future__ import annotations

import argparse

import numpy as np
from truth_cache import load_frames, read

from dice_ros.assets.store import require_assets
from dice_ros.body.hand_pose import FINGER_JOINTS
from dice_ros.body.open_hand import OpenHand
from dice_ros.body.rotation import align_points
from dice_ros.perception.person_tracker import PersonTracker
from dice_ros.settings import Settings
from dice_ros.types import HandSide

MIRROR = np.array([-1.0, 1.0, 1.0])
PARENT_BONES = np.zeros(21, dtype=int)
for _finger, _chain in enumerate(FINGER_JOINTS):
    PARENT_BONES[_chain[1:]] = 1 + 3 * _finger + np.arange(3)
ROUNDS = 20
SIGMA_M, PRIOR_SIGMA_M = 6e-3, 15e-3


def bone_poses(hand: OpenHand, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotation (16, 3, 3), joint-frame translation (16, 3) and scale (16,) of every bone."""
    rotations, shifts, scales = np.zeros((16, 3, 3)), np.zeros((16, 3)), np.zeros(16)
    for bone in range(16):
        strong = hand.weights[:, bone] > 0.8 * hand.weights[:, bone].max()
        rest, now = hand.template[strong].astype(float), vertices[strong].astype(float)
        R = align_points(rest, now)
        a, b = rest - rest.mean(0), now - now.mean(0)
        scales[bone] = np.sqrt((b**2).sum() / (a**2).sum())
        rotations[bone] = R
        shifts[bone] = now.mean(0) - scales[bone] * R @ rest.mean(0)
    return rotations, shifts, scales


def main() -> None:
    """Solve and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=240)
    options = parser.parse_args()
    hand = OpenHand.load(require_assets() / "hand.npz")
    tracker = PersonTracker(Settings(network_threads=1), require_assets() / "networks")
    rows: list[list[np.ndarray]] = [[] for _ in range(21)]
    values: list[list[np.ndarray]] = [[] for _ in range(21)]
    used = 0
    for path in load_frames("train", options.frames, 1):
        sample = read(path)
        tracker.reset()
        people = tracker.update(sample.frame, sample.frame.camera).persons
        seen = next((h for p in people for h in p.hands if h.side is sample.side), None)
        if seen is None:
            continue
        flip = MIRROR if sample.side is HandSide.LEFT else np.ones(3)
        R, t, s = bone_poses(hand, sample.hand_vertices * flip)
        K = sample.frame.camera.K
        pixels = seen.points[:, :2].astype(float)
        rays = (pixels - K[:2, 2]) / K[[0, 1], [0, 1]] * flip[:2]
        used += 1
        for k, bone in enumerate(PARENT_BONES):
            joint = s[bone] * R[bone] @ hand.joints[k] + t[bone]
            M = s[bone] * R[bone]
            # x (Z + M_z d) = X + M_x d, in metres at the depth of the joint
            rows[k].append(np.stack([M[0] - rays[k, 0] * M[2], M[1] - rays[k, 1] * M[2]]))
            values[k].append(rays[k] * joint[2] - joint[:2])
    print(f"# {used} pictures")
    offsets, before, after = np.zeros((21, 3)), [], []
    for k in range(21):
        A, b = np.array(rows[k]), np.array(values[k])  # (n, 2, 3), (n, 2)
        d = np.zeros(3)
        for _ in range(ROUNDS):
            r = b - A @ d
            w = 1.0 / (1.0 + (r**2).sum(1) / SIGMA_M**2)
            H = np.einsum("n,nij,nik->jk", w, A, A) + (SIGMA_M / PRIOR_SIGMA_M) ** 2 * np.eye(3)
            d = np.linalg.solve(H, np.einsum("n,nij,ni->j", w, A, b))
        offsets[k] = d
        before.append(np.median(np.linalg.norm(b, axis=1)))
        after.append(np.median(np.linalg.norm(b - A @ d, axis=1)))
    for offset in offsets:
        print("    (" + ", ".join(f"{value:.4f}" for value in offset) + "),")
    print("# median error mm before", np.round(1e3 * np.array(before), 1))
    print("# median error mm after ", np.round(1e3 * np.array(after), 1))


if __name__ == "__main__":
    main()
