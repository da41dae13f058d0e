"""A flag that a signal handler may set while the program waits for it."""

from __future__ import annotations

import os
import select
import weakref


class StopFlag:
    """Set once, from a signal handler too.

    A threading.Event would not do: its lock is not reentrant, so a handler that sets it while the
    program is about to wait for it, or while another handler sets it, waits for ever.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._hears, self._tells = os.pipe()
        weakref.finalize(self, _close, self._hears, self._tells)

    def set(self) -> None:
        """Set it, and wake who waits for it."""
        if not self._is_set:
            self._is_set = True
            os.write(self._tells, b".")

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Wait until it is set, or so long; whether it is."""
        if not self._is_set:
            select.select([self._hears], [], [], seconds)
        return self._is_set


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
