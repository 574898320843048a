"""The database of the jobs: SQLite by default, Postgres by address; its tables are kept up to date."""

from pathlib import Path
from sqlite3 import OperationalError
from time import monotonic, sleep
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, func, select
from sqlalchemy.exc import SQLAlchemyError

from leffa.errors import StorageFailed

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 10
LOCKED_SECONDS = 0.02
MEMORY = "sqlite://"
TURNS = 0x1EFFA  # names the lock; any number that no other program of the database takes


def open_database(url: str) -> Engine:
    """An engine for `url`, its tables made or migrated. Raises StorageFailed."""
    try:
        engine = _sqlite(url) if url.startswith("sqlite") else _server(url)
        _migrate(engine)
    except (SQLAlchemyError, ImportError) as error:
        reason = getattr(error, "orig", None) or error  # without the statement and the link to a manual
        raise StorageFailed(f"The database cannot be used: {reason}.") from error
    return engine


def take_turns(connection: Connection) -> None:
    """Wait until nobody else is in a transaction that calls this: SQLite's writers do so anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(TURNS)))


def _server(url: str) -> Engine:
    # The bare name would mean psycopg2, which is not what the extra `postgres` brings.
    url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)


def _sqlite(url: str) -> Engine:
    options: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False}}
    if url == MEMORY:  # lives in its only connection, for which everybody waits
        options |= {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
    engine = create_engine(url, **options)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, record: object) -> None:
    connection.isolation_level = None  # the driver shall begin nothing by itself
    connection.execute("PRAGMA synchronous=FULL")
    end = monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except OperationalError as error:  # SQLite itself does not wait with this one
            if "locked" not in str(error) or monotonic() > end:
                raise
            sleep(LOCKED_SECONDS)


def _begin(connection: Any) -> None:
    # A transaction that reads first and writes later could find itself overtaken, and fail.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.execution_options(writes=True).begin() as connection:
        take_turns(connection)  # services that start together would all make the tables
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
