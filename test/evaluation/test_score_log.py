import numpy as np
import pytest

from dice_ros.errors import OutputError
from dice_ros.evaluation.frame_score import FrameScore
from dice_ros.evaluation.score_frames import FrameName
from dice_ros.evaluation.score_log import ScoreLog

RUN = {"method": "dice", "split": "test"}


def frame(number, pve=1.0 / 3.0):
    return FrameScore("S1", "108", number, pve_mm=pve)


def test_scores_come_back_to_the_last_bit_and_undefined_ones_stay_so(tmp_path):
    with ScoreLog(tmp_path, RUN, overwrite=False) as log:
        log.add([frame(0), frame(1, np.pi)])
    with ScoreLog(tmp_path, RUN, overwrite=False) as log:
        assert [score.pve_mm for score in log.scores] == [1.0 / 3.0, np.pi]
        assert np.isnan(log.scores[0].mpjpe_mm)
        assert log.done == {FrameName("S1", "108", 0), FrameName("S1", "108", 1)}


def test_a_line_cut_off_by_a_kill_is_done_again(tmp_path):
    with ScoreLog(tmp_path, RUN, overwrite=False) as log:
        log.add([frame(0), frame(1)])
    text = log.path.read_text()
    log.path.write_text(text[:-20])
    with ScoreLog(tmp_path, RUN, overwrite=False) as again:
        assert [score.frame for score in again.scores] == [0]
        again.add([frame(1)])
    assert log.path.read_text() == text


def test_another_run_is_refused_unless_told_to_overwrite(tmp_path):
    with ScoreLog(tmp_path, RUN, overwrite=False) as log:
        log.add([frame(0)])
    with pytest.raises(OutputError, match="--overwrite"):
        ScoreLog(tmp_path, RUN | {"split": "train"}, overwrite=False)
    with ScoreLog(tmp_path, RUN | {"split": "train"}, overwrite=True) as log:
        assert log.scores == []


def test_damaged_files_are_named(tmp_path):
    with ScoreLog(tmp_path, RUN, overwrite=False) as log:
        log.add([frame(0)])
    log.path.write_text(log.path.read_text().replace("0.333", "0,333"))
    with pytest.raises(OutputError, match=r"frames\.csv, line 2"):
        ScoreLog(tmp_path, RUN, overwrite=False)
