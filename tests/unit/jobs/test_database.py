"""The tables are those that the program means, however often and from wherever they are made."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from leffa.errors import StorageFailed
from leffa.jobs.database import open_database
from leffa.jobs.job import Base


def test_the_migrations_make_what_the_program_describes(database) -> None:
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_opening_again_changes_nothing(fresh_url) -> None:
    url = fresh_url()
    for _ in range(2):
        open_database(url).dispose()


def test_services_may_start_at_the_same_time(fresh_url) -> None:
    url = fresh_url()
    with ThreadPoolExecutor(4) as services:
        for engine in services.map(lambda _: open_database(url), range(4)):
            engine.dispose()


@pytest.mark.parametrize("url", ["sqlite:////no/such/folder/jobs.sqlite", "postgresql://127.0.0.1:1/jobs"])
def test_a_database_that_is_not_there_is_told_of(url: str) -> None:
    with pytest.raises(StorageFailed):
        open_database(url)
