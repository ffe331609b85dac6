"""The steps before the server runs: it makes the cluster, drops root's rights and ends orphans."""

import os
import threading
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from laptop.supabase.postgres import PlaceUnusable
from laptop.supabase.postgres import __main__ as command
from laptop.supabase.postgres.cluster import prepare
from laptop.supabase.postgres.occupancy import occupy, processes_in
from laptop.supabase.postgres.place import Owner, Place, place_for
from tests.ports import free_port
from tests.postgres_support import own_cluster

Captured = pytest.CaptureFixture[str]


def test_a_cluster_is_made_once_and_its_settings_are_written_at_each_start(tmp_path: Path) -> None:
    place = place_for(tmp_path / "wanted")
    place.create()
    try:
        installation = place.installation()
        prepare(place, installation, fast=True)
        made = (place.data / "PG_VERSION").stat().st_mtime_ns
        assert "fsync = off" in (place.data / "postgresql.conf").read_text()
        prepare(place, installation, fast=False)
        assert "fsync = on" in (place.data / "postgresql.conf").read_text()
        assert (place.data / "PG_VERSION").stat().st_mtime_ns == made
        assert sorted(path.name for path in place.folder.iterdir() if "server" not in path.name) == ["data"]
        (place.data / "PG_VERSION").write_text("17\n")
        with pytest.raises(PlaceUnusable, match="holds the data of Postgres 17"):
            prepare(place, installation, fast=True)
    finally:
        place.remove()


def test_the_command_answers_with_one_message_and_a_status(tmp_path: Path, capsys: Captured) -> None:
    arguments = [f"--data-dir={tmp_path / 'wanted'}", "--host=192.0.2.1", f"--port={free_port()}"]
    assert command.main(arguments) == 1
    assert "postgres: port" in capsys.readouterr().err
    assert command.main([*arguments, "--remove"]) == 0
    assert not place_for(tmp_path / "wanted").folder.exists()


@pytest.mark.parametrize(
    ("owner", "dropped"),
    [(None, []), (Owner(1234, 4321), ["setgroups []", "setgid 4321", "setuid 1234"])],
)
def test_root_gives_up_its_rights_before_the_process_becomes_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Owner | None, dropped: list[str]
) -> None:
    class BecameServerError(Exception):
        pass

    done: list[str] = []

    def become(program: Path, arguments: list[str], environment: dict[str, str]) -> None:
        done.append(f"exec {program.name}")
        assert "listen_addresses=127.0.0.1" in arguments
        assert "HOME" not in environment
        raise BecameServerError

    for name in ("setgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, lambda value, name=name: done.append(f"{name} {value}"))
    monkeypatch.setattr(os, "chown", lambda *_, **__: None)
    monkeypatch.setattr(os, "execve", become)
    monkeypatch.setattr(command, "prepare", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)
    held: list[int] = []

    def occupied(lock: Path, data: Path) -> int:
        held.append(occupy(lock, data))
        return held[0]

    monkeypatch.setattr(command, "occupy", occupied)
    try:
        with pytest.raises(BecameServerError):
            command.serve(Place(tmp_path / "place", owner), "127.0.0.1", free_port(), fast=True)
        assert os.get_inheritable(held[0]), "the server and its children keep the lock"
    finally:
        os.close(held[0])
    assert done == [*dropped, "exec postgres"]


def test_orphans_that_do_not_end_by_themselves_are_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("laptop.supabase.postgres.occupancy.NOTICE_S", 0.2)
    with own_cluster(tmp_path / "wanted") as cluster:
        place = place_for(cluster.folder)
        busy = cluster.connect()

        def compute() -> None:
            with suppress(psycopg.Error):
                busy.execute("do $$ begin loop null; end loop; end $$")

        computing = threading.Thread(target=compute)
        computing.start()
        with cluster.connect() as watch:
            active = "select state from pg_stat_activity where pid = %s"
            while watch.execute(active, (busy.info.backend_pid,)).fetchone() != ("active",):
                watch.execute("select pg_sleep(0.01)")
        cluster.kill()
        os.close(occupy(place.lock, place.data))
        computing.join()
        busy.close()
        left = [process for process in processes_in(place.data) if process.status() != psutil.STATUS_ZOMBIE]
        assert left == []
        assert not (place.data / "postmaster.pid").exists()
