"""One hand on one face from the first sign of a touch to its end."""

from __future__ import annotations

import numpy as np

from dice_ros.events.arrival import Arrival
from dice_ros.events.hand_sample import HandSample, Sight
from dice_ros.events.kept_level import KeptLevel, log_odds, probability_of
from dice_ros.events.touch_event import TouchEnd, TouchEvent, TouchPhase
from dice_ros.events.touch_path import TouchPath, longest_place
from dice_ros.events.touch_rules import TouchRules
from dice_ros.types import ContactSource, HandSide, Interaction

_ENDS = {
    Sight.NO_HAND: TouchEnd.HAND_LOST,
    Sight.NO_FACE: TouchEnd.FACE_LOST,
    Sight.NOBODY: TouchEnd.PERSON_LOST,
}


class TouchTrack:
    """A touch, or the beginning of what may become one.

    Args:
        stamp_ns: stamp of the first image of it.
        interaction: who, in which frame of reference, seen by which estimator.
        side: which hand.
        sample: what the image says.
        rules: thresholds.
    """

    def __init__(
        self,
        stamp_ns: int,
        interaction: Interaction,
        side: HandSide,
        sample: HandSample,
        rules: TouchRules,
    ) -> None:
        self.touch_id: int | None = None
        """None until the touch has lasted long enough to be told."""
        self.lowest_free = 0.0
        """The lowest probability of the pause it is in."""
        self._arrival = Arrival()
        self._person_id = interaction.person_id
        self._side = side
        self._frame_id = interaction.frame_id
        self._source = interaction.source
        self._contact_source = interaction.contact_source
        self._restart(stamp_ns)
        self.touch(stamp_ns, sample, rules)

    def _restart(self, stamp_ns: int) -> None:
        self._start_ns = self._touched_ns = self._seen_ns = self._told_ns = stamp_ns
        self._free_ns: int | None = None
        self._missing: TouchEnd | None = None
        self._path = TouchPath(stamp_ns)
        self._level = KeptLevel()
        self._peak_probability = self._peak_depth_mm = self._peak_area_mm2 = 0.0
        self._centre = np.full(3, np.nan, dtype=np.float32)
        self._last_probability: float | None = None
        # Integrals over the time that the hand was seen, until the last touch and since then.
        self._seen_span = self._since_span = 0
        self._probability_sum = self._since_sum = 0.0

    def pause_level(self, rules: TouchRules) -> float:
        """The probability below which the hand does not touch now."""
        level = self._arrival.highest if self.touch_id is None else self._level.value
        if level is None or not self._is_judged_by_level(rules):
            return rules.off
        return max(rules.off, probability_of(level - rules.drop))

    def ending(self, stamp_ns: int, sight: Sight, rules: TouchRules) -> TouchEnd | None:
        """Why it is over when the next image comes; None if it may go on."""
        if self._free_ns is not None and stamp_ns - self._free_ns >= rules.release_ns:
            return TouchEnd.RELEASED
        if stamp_ns - self._seen_ns <= rules.lost_ns:
            return None
        return _ENDS.get(sight) or self._missing or TouchEnd.INPUT_GAP

    def touch(self, stamp_ns: int, sample: HandSample, rules: TouchRules) -> None:
        """The hand touches, or still comes."""
        if self._may_come_nearer(rules):
            self._arrival.add(stamp_ns, sample)
            if self._arrival.advance(rules.drop):
                self._begin_later(rules)
                return
        self._touch(stamp_ns, sample, rules)

    def _begin_later(self, rules: TouchRules) -> None:
        self._restart(self._arrival.images[0][0])
        for stamp_ns, sample in self._arrival.images:
            if sample.sight is Sight.SEEN:
                self._touch(stamp_ns, sample, rules)
            else:
                self._miss(sample.sight)

    def _touch(self, stamp_ns: int, sample: HandSample, rules: TouchRules) -> None:
        self._see(stamp_ns, sample)
        self._seen_span += self._since_span
        self._probability_sum += self._since_sum
        self._since_span, self._since_sum = 0, 0.0
        self._touched_ns, self._free_ns = stamp_ns, None
        self._path.add(stamp_ns, sample.patch, rules.place_min_ns)
        self._level.add(stamp_ns, log_odds(sample.probability), rules.min_ns)
        self._peak_probability = max(self._peak_probability, sample.probability)
        if sample.patch is not None:
            self._peak_depth_mm = max(self._peak_depth_mm, sample.patch.depth_mm)
            self._peak_area_mm2 = max(self._peak_area_mm2, sample.patch.area_mm2)
            self._centre = sample.patch.centre

    def free(self, stamp_ns: int, sample: HandSample) -> None:
        """The hand is seen, and does not touch."""
        self._see(stamp_ns, sample)
        if self._free_ns is None:
            self._free_ns, self.lowest_free = stamp_ns, sample.probability
        self.lowest_free = min(self.lowest_free, sample.probability)

    def miss(self, stamp_ns: int, sample: HandSample, rules: TouchRules) -> None:
        """Hand or face is not seen."""
        if self._may_come_nearer(rules):
            self._arrival.add(stamp_ns, sample)
        self._miss(sample.sight)

    def _miss(self, sight: Sight) -> None:
        self._missing = _ENDS[sight]
        self._last_probability = None

    def _is_judged_by_level(self, rules: TouchRules) -> bool:
        """A network's probability is taken as it is."""
        return rules.drop > 0.0 and self._contact_source is ContactSource.PROXIMITY_PRIOR

    def _may_come_nearer(self, rules: TouchRules) -> bool:
        return self._is_judged_by_level(rules) and not self._has_lasted(rules)

    def _has_lasted(self, rules: TouchRules) -> bool:
        return self._touched_ns - self._start_ns >= rules.min_ns

    def is_ripe(self, rules: TouchRules) -> bool:
        """Whether it has lasted long enough, somewhere, to be told."""
        return self._has_lasted(rules) and self._path.is_known

    def is_due(self, stamp_ns: int, rules: TouchRules) -> bool:
        """Whether an update is due."""
        return rules.update_ns is not None and stamp_ns - self._told_ns >= rules.update_ns

    def told(
        self, phase: TouchPhase, stamp_ns: int, rules: TouchRules, end: TouchEnd | None = None
    ) -> TouchEvent:
        """All that is known now; ``touch_id`` must be set."""
        if self.touch_id is None:
            raise RuntimeError("a touch without a number cannot be told")
        self._told_ns = stamp_ns
        path = self._path.places()
        hand_part, face_region = longest_place(path)
        span_ns = self._touched_ns - self._start_ns
        seen_ns, total = self._seen_span, self._probability_sum
        return TouchEvent(
            phase=phase,
            touch_id=self.touch_id,
            person_id=self._person_id,
            side=self._side,
            frame_id=self._frame_id,
            source=self._source,
            contact_source=self._contact_source,
            stamp_ns=stamp_ns,
            start_ns=self._start_ns,
            end_ns=None if end is None else self._touched_ns,
            end=end,
            hand_part=hand_part,
            face_region=face_region,
            hand_parts=self._path.parts(rules.place_min_ns),
            face_regions=self._path.regions(rules.place_min_ns),
            path=path,
            peak_depth_mm=self._peak_depth_mm,
            peak_area_mm2=self._peak_area_mm2,
            mean_probability=total / seen_ns if seen_ns else self._peak_probability,
            peak_probability=self._peak_probability,
            confidence=total / span_ns if span_ns else self._peak_probability,
            centre=self._centre,
        )

    def _see(self, stamp_ns: int, sample: HandSample) -> None:
        if self._last_probability is not None:
            passed_ns = stamp_ns - self._seen_ns
            self._since_span += passed_ns
            self._since_sum += passed_ns * 0.5 * (self._last_probability + sample.probability)
        self._seen_ns, self._last_probability, self._missing = stamp_ns, sample.probability, None
