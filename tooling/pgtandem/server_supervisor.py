"""Runs a throwaway PostgreSQL server and ends it with its owner.

Started by `pgtandem.server.ThrowawayServer` as a script of its own, with nothing but the standard
library. The owner holds the other end of our standard input: when that closes, because the owner
asked for it or because it died in whatever way, the server is stopped and its folder removed.
Being the server's parent, this process can signal it without ever meeting a reused process id.

Argument: one JSON object with `command` (list), `identity` (keywords for Popen: user, group,
extra_groups), `log` (file) and `folder` (removed at the end). If the server ends by itself, so does
this process, and the folder stays for the owner to look at or to start again.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading

STOP_SECONDS = 10


def main() -> int:
    """Serve one server; the exit code is the server's, or 0 after a wanted end."""
    task = json.loads(sys.argv[1])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Not SIG_IGN, which the server would inherit through exec.
        signal.signal(number, lambda *_: None)
    with open(task["log"], "ab") as log:
        server = subprocess.Popen(
            task["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            **task["identity"],
        )
    released = threading.Event()

    def end_with_owner() -> None:
        while os.read(0, 4096):
            pass
        released.set()
        server.send_signal(signal.SIGQUIT)  # immediate: nothing in the folder is wanted any more
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()

    threading.Thread(target=end_with_owner, daemon=True).start()
    code = server.wait()
    if released.is_set():
        shutil.rmtree(task["folder"], ignore_errors=True)
        return 0
    return code


if __name__ == "__main__":
    sys.exit(main())
