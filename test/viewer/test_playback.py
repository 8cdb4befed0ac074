from dice_ros.viewer.playback import Playback

S = 1_000_000_000


def playback():
    return Playback([5 * S, 6 * S, 7 * S, 20 * S])


def test_time_is_that_of_the_recording():
    player = playback()
    assert not player.advance(10.0)
    player.toggle()
    assert not player.advance(0.9)
    assert player.advance(0.2)
    assert (player.at, player.time_s) == (1, 1.0)
    assert player.advance(1.0)
    assert not player.advance(12.0)
    assert player.advance(1.0)
    assert (player.at, player.is_playing) == (3, False)


def test_a_slow_drawing_skips_frames_and_keeps_the_time():
    player = playback()
    player.toggle()
    assert player.advance(3.0)
    assert player.at == 2


def test_stepping_pauses_and_stays_within_the_recording():
    player = playback()
    player.toggle()
    player.step(1)
    assert (player.at, player.is_playing) == (1, False)
    player.step(-5)
    assert player.at == 0
    player.seek(99)
    assert player.at == player.count - 1


def test_playing_at_the_end_begins_anew():
    player = playback()
    player.seek(3)
    player.toggle()
    assert (player.at, player.is_playing) == (0, True)


def test_a_clock_that_goes_back_is_no_pause():
    player = Playback([5 * S, 6 * S, 2 * S, 3 * S])
    player.seek(3)
    assert player.time_s == 2.0
