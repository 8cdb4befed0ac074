"""Rebuilding pipelines off the thread that uses them, with real pipelines."""

import dataclasses
import threading

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from test_support import wait_until

from dice_ros.pipeline import Pipeline
from dice_ros.ros.pipeline_host import PipelineHost
from dice_ros.settings import Settings

ONE, TWO, THREE = (Settings(network_threads=count) for count in (1, 2, 3))


class Workshop:
    """Builds real pipelines, waits where it is told to, and remembers which were closed."""

    def __init__(self, asset_dir):
        self.asset_dir = asset_dir
        self.made, self.closed, self.outcomes = [], [], []
        self.go, self.begun = threading.Event(), threading.Event()
        self.go.set()
        self.fails = False

    def make(self, settings):
        if self.made:
            self.begun.set()
            assert self.go.wait(60)
        if self.fails:
            raise RuntimeError("defect")
        shop = self

        class Watched(Pipeline):
            def close(self):
                super().close()
                shop.closed.append(self)

        self.made.append(Watched(self.asset_dir, settings))
        return self.made[-1]

    def host(self, settings=ONE):
        return PipelineHost(self.make, settings, self.outcomes.append)


@pytest.fixture
def shop(asset_dir):
    return Workshop(asset_dir)


def test_live_settings_reach_the_same_pipeline(shop):
    host = shop.host()
    first = host.current()
    host.change(dataclasses.replace(ONE, indentation_mm=5.0))
    assert host.current() is first
    assert first.settings.indentation_mm == 5.0
    host.close()
    assert shop.closed == [first]


def test_the_old_pipeline_answers_until_the_new_one_is_ready(shop):
    host = shop.host()
    first = host.current()
    shop.go.clear()
    host.change(TWO)
    assert host.is_rebuilding
    host.change(dataclasses.replace(TWO, indentation_mm=5.0))
    assert host.current() is first
    # Live settings hold meanwhile; what it was built with does not change under it.
    assert (first.settings.indentation_mm, first.settings.network_threads) == (5.0, 1)
    shop.go.set()
    assert wait_until(lambda: shop.outcomes == [None], 60)
    second = host.current()
    assert second is not first
    assert (second.settings.network_threads, second.settings.indentation_mm) == (2, 5.0)
    assert shop.closed == [first]
    host.close()


def test_only_the_newest_of_several_changes_is_put_to_use(shop):
    host = shop.host()
    first = host.current()
    shop.go.clear()
    host.change(TWO)
    assert shop.begun.wait(60)
    host.change(THREE)
    shop.go.set()
    assert wait_until(lambda: shop.outcomes == [None], 60)
    assert host.current().settings.network_threads == 3
    host.close()
    assert set(shop.closed) == set(shop.made)
    assert first in shop.closed


def test_a_change_that_is_taken_back_rebuilds_nothing(shop):
    host = shop.host()
    first = host.current()
    shop.go.clear()
    host.change(TWO)
    assert shop.begun.wait(60)
    host.change(ONE)
    shop.go.set()
    assert wait_until(lambda: not host.is_rebuilding, 60)
    assert host.current() is first
    assert shop.outcomes == []
    host.close()
    assert set(shop.closed) == set(shop.made)


def test_a_pipeline_that_cannot_be_built_leaves_the_old_one_in_use(shop):
    host = shop.host()
    first = host.current()
    shop.fails = True
    host.change(TWO)
    assert wait_until(lambda: shop.outcomes, 60)
    assert str(shop.outcomes[0]) == "defect"
    assert host.current() is first
    assert host.built_values()["network_threads"] == 1
    shop.fails = False
    host.change(THREE)
    assert wait_until(lambda: shop.outcomes[1:] == [None], 60)
    assert host.current().settings.network_threads == 3
    host.close()


def test_a_pipeline_that_comes_after_closing_is_closed_too(shop):
    host = shop.host()
    shop.go.clear()
    host.change(TWO)
    assert shop.begun.wait(60)
    host.close()
    shop.go.set()
    assert wait_until(lambda: len(shop.closed) == 2, 60)
    assert shop.outcomes == []
