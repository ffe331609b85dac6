import sys
from pathlib import Path

from infra.local.stack.ports import is_free
from infra.local.stack.process import is_alive, kill_all, launch

LEADERLESS = """
import ctypes, os, socket, sys, threading, time
server = socket.create_server(("127.0.0.1", 0))
def stay():
    while sys.platform == "linux" and "Z (zombie)" not in open(f"/proc/{os.getpid()}/status").read():
        time.sleep(0.01)
    print(server.getsockname()[1], flush=True)
    threading.Event().wait()
threading.Thread(target=stay).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_lives_as_long_as_one_of_its_threads_holds_its_ports(tmp_path: Path) -> None:
    """So does a killed one for some milliseconds: its first thread is gone while the others still end."""
    log = tmp_path / "log"
    process = launch([sys.executable, "-c", LEADERLESS], {}, log, tmp_path)
    try:
        while not log.read_text().endswith("\n"):
            assert is_alive(process)
        assert is_alive(process)
    finally:
        kill_all([process])
    assert not is_alive(process)
    assert is_free(int(log.read_text()))
