"""A process that stands in for a part of the laptop cloud: `stack_stand_in.py BEHAVIOUR NAME PORT FOLDER`.

It notes its start and its orderly end in FOLDER/events. `serve` answers every GET with 200, `late` with 503 until
FOLDER/open exists, `deaf` serves and ignores SIGTERM, `family` serves and has two children, one of them in another
session, `mute` never listens, `broken` ends at once.
"""

import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NoReturn

BROKEN_STATUS = 7


def main(behaviour: str, name: str, port: int, folder: Path) -> None:
    def note(event: str) -> None:
        with (folder / "events").open("a") as events:
            events.write(f"{event} {name} {os.getpid()}\n")

    def leave(_number: int, _frame: object) -> NoReturn:
        note("stop")
        os._exit(0)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            late = behaviour == "late" and not (folder / "open").exists()
            self.send_response(503 if late else 200)
            self.end_headers()

    signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "deaf" else leave)
    note("start")
    if behaviour == "broken":
        sys.stdout.write("reading the catalogue\nthe catalogue is empty\n")
        sys.exit(BROKEN_STATUS)
    if behaviour == "family":
        sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
        for own_session in (False, True):
            child = subprocess.Popen(sleeper, start_new_session=own_session)
            with (folder / "events").open("a") as events:
                events.write(f"child {name} {child.pid}\n")
    if behaviour == "mute":
        time.sleep(600)
    with HTTPServer(("127.0.0.1", port), Answers) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
