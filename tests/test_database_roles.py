"""The rights of the database users, on a PostgreSQL of the tests' own with tables of Airflow's names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg2  # type: ignore[import-untyped]
import pytest

from cli.database_roles import RIGHTS, Rights, give, read, statements
from tests.support.postgres import database
from tests.support.tables import load_yaml

CASES = Path(__file__).with_name("database_rights.yaml")
WORDS = load_yaml(CASES.read_text())
PASSWORDS = {"airflow_dag_processor": "of the parser", "airflow_triggerer": "of the triggerer"}


def tables(rights: Rights) -> Iterator[str]:
    """SQL that makes all tables that are named, with the columns that are."""
    columns: dict[str, set[str]] = {table: set(of) for table, of in WORDS["tables"].items()}
    for role in rights.roles.values():
        for table in role.tables:
            columns.setdefault(table, set()).update(role.updates.get(table, ()))
    for table, of in columns.items():
        yield f'CREATE TABLE "{table}" ({", ".join(["id serial", *(f"{one} text" for one in of - {"id"})])})'


@pytest.fixture(scope="module")
def owner() -> Iterator[str]:
    """libpq URL of the owner; all rights were given twice, as at a second start."""
    with database() as url:
        url = url.replace("+psycopg2", "")
        rights = read()
        execute(url, *tables(rights), *WORDS["rows"], keep=True)
        for _ in range(2):
            give(url, rights, PASSWORDS)
        yield url


def execute(url: str, *words: str, keep: bool = False) -> int:
    """:return: how many rows the last statement was about."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            for one in words:
                cursor.execute(one)
            if keep:
                connection.commit()
            return int(cursor.rowcount)
    finally:
        connection.close()


def user(owner: str, name: str) -> str:
    """The URL of another user; the cluster of the tests asks for no password."""
    scheme, _, rest = owner.partition("://")
    return f"{scheme}://{name}@{rest.partition('@')[2]}"


@pytest.mark.parametrize("case", WORDS["cases"], ids=lambda case: f"{case['who']}: {case['sql']}")
def test_what_each_user_may_do(owner: str, case: dict[str, str | int]) -> None:
    url = user(owner, str(case["who"]))
    if case["rows"] == "refused":
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            execute(url, str(case["sql"]))
    else:
        assert execute(url, str(case["sql"])) == case["rows"]


def test_passwords_are_kept_as_verifiers(owner: str) -> None:
    look = "SELECT FROM pg_authid WHERE rolname LIKE 'airflow\\_%' AND rolpassword LIKE 'SCRAM-SHA-256$%'"
    assert execute(owner, look) == len(PASSWORDS)
    assert execute(owner, "SELECT FROM pg_authid WHERE rolname LIKE 'airflow\\_%' AND rolsuper") == 0


def test_a_right_that_was_taken_out_of_the_file_is_taken_away(owner: str) -> None:
    rights = read()
    triggerer = rights.roles["airflow_triggerer"]
    less = triggerer.model_copy(update={"deletes": ()})
    give(owner, rights.model_copy(update={"roles": {**rights.roles, "airflow_triggerer": less}}), PASSWORDS)
    url = user(owner, "airflow_triggerer")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        execute(url, "DELETE FROM trigger")
    give(owner, rights, PASSWORDS)
    assert execute(url, "DELETE FROM trigger") == 1


def test_a_table_that_is_not_there_is_said(owner: str) -> None:
    rights = Rights.model_validate(
        {"hidden": [], "roles": {"airflow_triggerer": {"password": "P", "inserts": ["no_such_table"]}}}
    )
    with pytest.raises(LookupError, match="no_such_table"):
        give(owner, rights, PASSWORDS)


def test_a_policy_that_is_there_is_not_made_again() -> None:
    rights = read()
    made = [one for one in statements(rights, rights.filtered, ()) if one.startswith("CREATE POLICY")]
    there = [f"{words[4].strip(chr(34))}.{words[2]}" for one in made if (words := one.split())]
    again = [one for one in statements(rights, rights.filtered, there) if "POLICY" in one or "ALTER" in one]
    assert made and again == []


def test_the_file_names_no_right_on_what_says_who_may_what() -> None:
    """Whoever has one of these is whoever they want to be."""
    ours = read()
    for name, role in ours.roles.items():
        writes = {*role.inserts, *role.deletes, *role.changes, *role.updates}
        closed = {"ab_user", "ab_role", "ab_user_role", "ab_permission_view_role", "session", "hitl_detail"}
        assert not writes & closed, name
    assert RIGHTS.parent.name == "config"
