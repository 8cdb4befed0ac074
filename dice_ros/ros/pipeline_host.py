"""The pipeline in use, and the one being built because a setting asks for another.

Networks take seconds to load. A change that needs new ones builds a second pipeline in a thread of
its own while the first goes on answering; the worker changes over between two images.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Mapping
from typing import TypeAlias

from dice_ros.assets.store import require_assets
from dice_ros.pipeline import Pipeline
from dice_ros.settings import Effect, Settings, SettingValue, schema

PipelineFactory: TypeAlias = Callable[[Settings], Pipeline]

_REBUILDING = tuple(spec.name for spec in schema().values() if spec.effect is Effect.REBUILD)


def pipeline_of_the_user(settings: Settings) -> Pipeline:
    """A pipeline with the assets in the user's cache.

    Raises:
        AssetError: an asset is missing; the message names the command to run.
    """
    return Pipeline(require_assets(), settings)


class PipelineHost:
    """Owns pipelines from construction to :meth:`close`.

    Args:
        make: makes a pipeline from settings.
        settings: of the first one.
        on_rebuilt: called by the building thread with None when a new pipeline is ready, or with
            the error that kept it from being built.

    Raises:
        DiceRosError: the first pipeline cannot be built.
    """

    def __init__(
        self,
        make: PipelineFactory,
        settings: Settings,
        on_rebuilt: Callable[[Exception | None], None],
    ) -> None:
        self._make = make
        self._on_rebuilt = on_rebuilt
        self._lock = threading.Lock()
        self._builder: threading.Thread | None = None
        self._closed = False
        self._wanted = self._applied = self._built = settings
        self._ready: Pipeline | None = None
        self._pipeline = make(settings)

    @property
    def is_rebuilding(self) -> bool:
        """Whether another pipeline is being built."""
        return self._builder is not None

    @property
    def status(self) -> Mapping[str, str]:
        """What the estimator in use says about itself."""
        return self._pipeline.status

    def built_values(self) -> dict[str, SettingValue]:
        """The settings that the newest pipeline was built with and that cannot change in it."""
        with self._lock:
            return _key(self._built)

    def change(self, settings: Settings) -> None:
        """Take over new settings, live from the next image on or after a rebuild."""
        with self._lock:
            self._wanted = settings
            if self._closed or self._builder or _key(settings) == _key(self._built):
                return
            self._builder = threading.Thread(target=self._rebuild, name="dice_builder", daemon=True)
            self._builder.start()

    def current(self) -> Pipeline:
        """The pipeline for the next image; only the thread that uses it may ask.

        Raises:
            Exception: what the pipeline raises when it takes over live settings.
        """
        with self._lock:
            ready, self._ready = self._ready, None
            wanted = self._wanted
        if ready is not None:
            old, self._pipeline = self._pipeline, ready
            self._applied = ready.settings
            _close(old)
        # What only a rebuild can change stays as the pipeline knows it.
        live = dataclasses.replace(wanted, **_key(self._applied))
        if live != self._applied:
            self._applied = live
            self._pipeline.apply(live)
        return self._pipeline

    def close(self, wait_s: float = 0.0) -> None:
        """Free everything; call it when nobody uses the pipeline any more.

        Args:
            wait_s: how long to wait for a pipeline that is being built.

        Raises:
            Exception: what the pipeline raises when it is closed.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            builder, ready = self._builder, self._ready
            self._ready = None
        if builder is not None:
            builder.join(wait_s)
        if ready is not None:
            _close(ready)
        self._pipeline.close()

    def _rebuild(self) -> None:
        while True:
            with self._lock:
                settings = self._wanted
                if self._closed or _key(settings) == _key(self._built):
                    self._builder = None
                    return
            made, failure = self._try(settings)
            with self._lock:
                outdated = self._closed or _key(settings) != _key(self._wanted)
                replaced = made if outdated else self._ready
                if not outdated:
                    self._builder = None
                if made is not None and not outdated:
                    self._ready, self._built = made, settings
            if replaced is not None and (made is not None):
                _close(replaced)
            if not outdated:
                self._on_rebuilt(failure)
                return

    def _try(self, settings: Settings) -> tuple[Pipeline | None, Exception | None]:
        try:
            return self._make(settings), None
        except Exception as error:  # whatever it is, the old pipeline goes on
            return None, error


def _key(settings: Settings) -> dict[str, SettingValue]:
    return {name: getattr(settings, name) for name in _REBUILDING}


def _close(pipeline: Pipeline) -> None:
    try:
        pipeline.close()
    except Exception:  # it is out of use: say it and carry on
        logging.getLogger(__name__).exception("a replaced pipeline could not be closed")
