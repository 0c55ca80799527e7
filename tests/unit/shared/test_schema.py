"""The tables of a shared pool: made, checked, brought up to date, on both databases."""

import os
import pickle
import sqlite3
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, select, text

from filtersched import PoolError
from filtersched.shared import engines, migrations, schema
from filtersched.shared.database_errors import pool_error, shown_url
from filtersched.shared.engines import Timeouts, reading, writing
from filtersched.shared.schema_steps import check_schema, make_schema, upgrade_schema


@pytest.fixture
def open_engine():
    opened = []

    def tracked(url, **options):
        opened.append(engines.open_engine(url, **options))
        return opened[-1]

    yield tracked
    for engine in opened:
        engine.dispose()


@pytest.fixture
def engine(database_url, open_engine):
    made = open_engine(database_url, may_create=True)
    with writing(made) as connection:
        make_schema(connection)
    return made


def test_migrations_make_the_tables_that_the_module_declares(engine):
    with reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_revisions_are_those_of_the_migrations():
    steps = ScriptDirectory(Path(migrations.__file__).parent).walk_revisions()
    assert tuple(step.revision for step in steps)[::-1] == schema.REVISIONS


def test_schema_of_this_release_is_accepted(engine):
    check_schema(engine)
    assert upgrade_schema(engine) == ()


def test_second_pool_in_a_database_is_an_error(engine):
    with pytest.raises(PoolError, match="there is a pool in this database already") as caught, writing(engine) as one:
        make_schema(one)
    assert caught.value.problem == "exists"


def test_missing_pool_names_the_command_that_makes_one(database_url, open_engine):
    with pytest.raises(PoolError, match=r"filtersched pool init (sqlite|postgresql\+psycopg):") as caught:
        check_schema(open_engine(database_url))
    assert caught.value.problem == "missing"


def test_opening_a_missing_file_does_not_make_it(tmp_path, open_engine):
    with pytest.raises(PoolError):
        check_schema(open_engine(f"sqlite:///{tmp_path / 'pool.db'}"))
    assert list(tmp_path.iterdir()) == []


def test_newer_schema_is_an_error_that_says_so(engine):
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    with pytest.raises(PoolError, match=r"newer release .*0999") as caught:
        check_schema(engine)
    assert caught.value.problem == "newer"


def test_older_schema_names_the_command_that_upgrades_it(engine, monkeypatch):
    monkeypatch.setattr("filtersched.shared.schema_steps.REVISIONS", (*schema.REVISIONS, "0002", "0003"))
    with pytest.raises(PoolError, match=r"filtersched pool upgrade .*need 0002, 0003") as caught:
        check_schema(engine)
    assert caught.value.problem == "older"


def test_failure_while_the_schema_is_made_leaves_no_table(database_url, open_engine):
    engine = open_engine(database_url, may_create=True)

    def fail():
        with writing(engine) as connection:
            make_schema(connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(PoolError, match="there is no pool"):
        check_schema(engine)


def test_changes_are_numbered_and_timed_by_the_database(engine):
    with writing(engine) as connection:
        for name in "ab":
            connection.execute(insert(schema.changes).values(token=name, data="{}"))
        now = connection.execute(select(schema.database_time())).scalar_one()
    with reading(engine) as connection:
        first, second = connection.execute(select(schema.changes).order_by(schema.changes.c.id)).all()
    assert (first.id, first.token, second.id, second.token) == (1, "a", 2, "b")
    assert first.at <= second.at <= now < first.at + 600


def test_database_time_is_seconds_since_1970(engine):
    import time

    with reading(engine) as connection:
        now = connection.execute(select(schema.database_time())).scalar_one()
    assert abs(now - time.time()) < 600


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "pool.db",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://root:secret@db/pool",
        "sqlite:///pool.db?mode=ro",
        "postgresql+psycopg://secret@host:port/x",
        "",
        7,
        None,
    ],
)
def test_wrong_url_is_an_error_that_shows_right_ones(url, open_engine):
    with pytest.raises(PoolError, match=r"sqlite:///pool.db or postgresql\+psycopg://") as caught:
        open_engine(url)
    assert caught.value.problem == "wrong_url"
    assert "secret" not in str(caught.value)


def test_unreachable_server_is_an_error_without_the_password(open_engine):
    pytest.importorskip("psycopg", reason="the extra `postgresql` is not installed")
    engine = open_engine("postgresql://me:s3cret@/pool?host=%2Fnowhere")
    with pytest.raises(PoolError, match="the database cannot be reached") as caught:
        check_schema(engine)
    assert caught.value.problem == "unreachable"
    assert "s3cret" not in str(caught.value) + repr(caught.value.url) + repr(engine.url)


@pytest.mark.parametrize(
    "url",
    ["postgresql://me:s3cret@db/pool", "postgresql://me@db/pool?password=s3cret", "postgresql://me@db/p?sslpassword=s3cret"],
)
def test_password_is_shown_nowhere(url, open_engine):
    engine = open_engine(url)
    said = str(pool_error(sqlite3.OperationalError("s3cret"), engine.url) or shown_url(engine.url))
    assert "s3cret" not in said
    assert "***" in said


def test_connection_that_breaks_is_lost_and_the_next_one_works(postgresql, open_engine):
    engine = open_engine(postgresql.new_database())
    with writing(engine) as connection:
        make_schema(connection)

    def break_in_the_middle():
        with writing(engine) as connection:
            number = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            postgresql.run_sql(f"SELECT pg_terminate_backend({number})")
            connection.execute(text("SELECT 1"))

    with pytest.raises(PoolError) as caught:
        break_in_the_middle()
    assert caught.value.problem == "lost"
    check_schema(engine)


def test_file_that_is_no_database_is_an_error(tmp_path, open_engine):
    (tmp_path / "pool.db").write_bytes(b"not a database, and long enough to be read as one" * 100)
    with pytest.raises(PoolError) as caught:
        check_schema(open_engine(f"sqlite:///{tmp_path / 'pool.db'}"))
    assert caught.value.problem == "damaged"


def test_locked_database_is_an_error_after_the_time_for_locks(engine, open_engine):
    impatient = open_engine(engine.url, timeouts=Timeouts(lock_s=0.05, idle_s=60))
    with writing(engine) as holder:
        holder.execute(text("UPDATE alembic_version SET version_num = version_num"))
        with pytest.raises(PoolError) as caught, writing(impatient) as waiting:
            waiting.execute(text("UPDATE alembic_version SET version_num = version_num"))
    assert caught.value.problem == "locked"


def test_reader_is_not_stopped_by_a_writer(engine, open_engine):
    with writing(engine) as holder:
        holder.execute(text("UPDATE alembic_version SET version_num = '0999'"))
        check_schema(open_engine(engine.url, timeouts=Timeouts(lock_s=0.05)))


def test_transaction_that_only_reads_sees_one_state(engine):
    with reading(engine) as reader:
        before = reader.execute(text("SELECT version_num FROM alembic_version")).scalar()
        with writing(engine) as writer:
            writer.execute(text("UPDATE alembic_version SET version_num = '0999'"))
        assert reader.execute(text("SELECT version_num FROM alembic_version")).scalar() == before == "0001"


def test_database_that_can_only_be_read_is_an_error_of_its_own(engine, open_engine):
    if engine.dialect.name == "sqlite":
        engine.dispose()
        path = engine.url.database
        read_only = open_engine(engine.url)
        with reading(read_only) as connection:
            connection.connection.driver_connection.execute("PRAGMA query_only = ON")
    else:
        read_only = open_engine(engine.url.update_query_dict({"options": "-c default_transaction_read_only=on"}))
        path = None
    with pytest.raises(PoolError) as caught, writing(read_only) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    assert caught.value.problem == "read_only", path


def test_full_disk_is_an_error_and_changes_nothing(tmp_path, open_engine):
    engine = open_engine(f"sqlite:///{tmp_path / 'pool.db'}", may_create=True)
    with writing(engine) as connection:
        make_schema(connection)
    with reading(engine) as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    rows = [{"token": "x", "data": "x" * 4000}] * 100
    with pytest.raises(PoolError) as caught, writing(engine) as connection:
        connection.execute(insert(schema.changes), rows)
    assert caught.value.problem == "full"
    with reading(engine) as connection:
        assert connection.execute(select(schema.changes)).all() == []


def test_transaction_that_stands_still_is_ended_for_the_others(postgresql, open_engine):
    url = postgresql.new_database()
    stopped = open_engine(url, timeouts=Timeouts(idle_s=0.2))
    patient = open_engine(url, timeouts=Timeouts(lock_s=60, idle_s=60))
    with writing(patient) as connection:
        make_schema(connection)
    update = text("UPDATE alembic_version SET version_num = version_num")

    def stop_in_a_transaction():
        with writing(stopped) as connection:
            connection.execute(update)
            with writing(patient) as other:
                other.execute(update)
            connection.execute(update)

    with pytest.raises(PoolError) as caught:
        stop_in_a_transaction()
    assert caught.value.problem == "lost"


def test_error_survives_pickling():
    error = pickle.loads(pickle.dumps(PoolError("gone", url="sqlite:///pool.db", problem="missing")))
    assert (str(error), error.url, error.problem) == ("gone", "sqlite:///pool.db", "missing")


# -- threads and processes -------------------------------------------------------------------------


def test_threads_that_write_at_once_all_get_their_turn(engine):
    def write():
        for _ in range(20):
            with writing(engine) as connection:
                connection.execute(insert(schema.changes).values(token="x", data="{}"))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        assert len(connection.execute(select(schema.changes)).all()) == 80


def test_forked_process_has_connections_of_its_own(engine):
    check_schema(engine)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            check_schema(engine)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    check_schema(engine)


def test_postgresql_compiles_no_statement_of_ours(postgresql, open_engine):
    # It would take a second for what an index answers in a tenth of a millisecond.
    with reading(open_engine(postgresql.new_database())) as connection:
        assert connection.execute(text("SHOW jit")).scalar_one() == "off"
