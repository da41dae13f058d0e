"""The flag that a signal sets to end a worker."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

from pgtandem.stopping import StopFlag


def test_signals_upon_each_other_set_it_and_wake_who_waits() -> None:
    """With a threading.Event the process stood for ever, deaf to any further signal."""
    flag = StopFlag()
    assert not flag.wait(0.001) and not flag.is_set()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        flag.set()

    def send() -> None:
        time.sleep(0.05)
        for _ in range(2000):
            os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        sender = threading.Thread(target=send)
        sender.start()
        assert flag.wait(60)
        while sender.is_alive():
            assert flag.wait(0.001)
        sender.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert flag.is_set()
