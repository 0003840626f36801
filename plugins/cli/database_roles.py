"""`python -m cli.database_roles`: gives the database users of DAG processor and triggerer what they need.

What that is stands in ``config/database-rights.yaml``. It runs with the user that owns the tables, after
`airflow db migrate`, and leaves each user with exactly these rights. PostgreSQL only. Exit codes: 0 done,
1 a password is missing, or the file or the database is unusable.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

RIGHTS = Path(__file__).parents[2] / "config" / "database-rights.yaml"
NEEDS = "run `airflow db migrate` first, with the user that owns Airflow's tables (it makes the other users)"


Verb = Literal["INSERT", "UPDATE", "DELETE"]


class Role(BaseModel):
    """What one database user may do, besides reading.

    Tables by name; `updates` has columns of tables, `rows` by table those of which a right is good; a right
    that does not stand there is good for no row of that table.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    password: str
    reads: tuple[str, ...] = ()
    inserts: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    updates: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    rows: Mapping[str, Mapping[Verb, str]] = Field(default_factory=dict)

    @property
    def tables(self) -> set[str]:
        """All that are named."""
        return {*self.reads, *self.inserts, *self.deletes, *self.changes, *self.updates, *self.rows}


class Rights(BaseModel):
    """The file. `hidden` are patterns of table names."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    hidden: tuple[str, ...]
    roles: Mapping[str, Role]

    @property
    def filtered(self) -> list[str]:
        """Tables of which some role may change some rows only."""
        return sorted({table for role in self.roles.values() for table in role.rows})


def read(path: Path = RIGHTS) -> Rights:
    """:raises pydantic.ValidationError: the file says what is not known."""
    return Rights.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def statements(rights: Rights, tables: Collection[str], policies: Collection[str]) -> Iterator[str]:
    """SQL that leaves each role with what the file says of it, and nothing more. The roles are there already.

    :param tables: those of the schema `public`.
    :param policies: row policies that are there, as TABLE.NAME; to make one stops all that use the table.
    """
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    for name, role in rights.roles.items():
        yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}"
        yield f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {name}"
        yield f"GRANT USAGE ON SCHEMA public TO {name}"
        yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}"
        for table in sorted(tables):
            if table in role.reads or not any(fnmatchcase(table, hidden) for hidden in rights.hidden):
                yield f'GRANT SELECT ON "{table}" TO {name}'
        for right, of in (
            ("INSERT", role.inserts),
            ("DELETE", role.deletes),
            ("INSERT, UPDATE, DELETE", role.changes),
        ):
            for table in of:
                yield f'GRANT {right} ON "{table}" TO {name}'
        for table, columns in role.updates.items():
            yield f'GRANT UPDATE ({", ".join(columns)}) ON "{table}" TO {name}'
    for table in rights.filtered:
        yield from _row_policies(rights, table, policies)


def _row_policies(rights: Rights, table: str, policies: Collection[str]) -> Iterator[str]:
    """The owner of a table passes its policies by; the roles do not."""
    wanted = {}
    for name, role in rights.roles.items():
        if table not in role.rows:
            wanted[f"{name}_all"] = f"FOR ALL TO {name} USING (true)"
            continue
        wanted[f"{name}_select"] = f"FOR SELECT TO {name} USING (true)"
        for verb, rows in role.rows[table].items():
            which = {"INSERT": f"WITH CHECK ({rows})", "UPDATE": f"USING ({rows}) WITH CHECK (true)"}
            of = which.get(verb, f"USING ({rows})")
            wanted[f"{name}_{verb.lower()}"] = f"FOR {verb} TO {name} {of}"
    missing = {name: policy for name, policy in wanted.items() if f"{table}.{name}" not in policies}
    for name, policy in missing.items():
        yield f'CREATE POLICY {name} ON "{table}" {policy}'
    if missing:
        yield f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY'


def give(url: str, rights: Rights, passwords: Mapping[str, str]) -> None:
    """All of it in one transaction: what runs meanwhile is never without its rights.

    :param url: libpq URL of the owner's connection.
    :param passwords: role -> its password; what the server is told is its SCRAM verifier.
    :raises psycopg2.Error: the database refuses.
    :raises LookupError: a table of the file is not there.
    """
    import psycopg2  # type: ignore[import-untyped]
    from psycopg2.extensions import encrypt_password  # type: ignore[import-untyped]

    connection = psycopg2.connect(url, connect_timeout=30)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            tables = {name for (name,) in cursor}
            named = {table for role in rights.roles.values() for table in role.tables}
            if missing := sorted(named - tables):
                raise LookupError(f"it has no table {', '.join(missing)}")
            for name in rights.roles:
                cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,))
                verb = "ALTER" if cursor.rowcount else "CREATE"
                kept = encrypt_password(passwords[name], name, connection, "scram-sha-256")
                cursor.execute(
                    f"{verb} ROLE {name} WITH LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION "
                    "NOBYPASSRLS PASSWORD %s",
                    (kept,),
                )
            cursor.execute("SELECT tablename || '.' || policyname FROM pg_policies")
            policies = {name for (name,) in cursor}
            for statement in statements(rights, tables, policies):
                cursor.execute(statement)
    finally:
        connection.close()


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Say what was given, or why not."""
    import psycopg2
    from airflow.configuration import conf

    try:
        rights = read()
        passwords = {name: environment.get(role.password, "") for name, role in rights.roles.items()}
        if without := [role.password for name, role in rights.roles.items() if not passwords[name]]:
            return _refuse("A password is missing", f"set {', '.join(without)}")
        url: Any = conf.get("database", "sql_alchemy_conn")
        scheme, _, rest = str(url).partition("://")
        if scheme.partition("+")[0] != "postgresql":
            return _refuse("Airflow's database is no PostgreSQL", "leave all components with its own user")
        give(f"postgresql://{rest}", rights, passwords)
    except (ValidationError, LookupError, psycopg2.Error) as error:
        return _refuse(f"Airflow's database gives no rights: {str(error).strip()}", NEEDS)
    for name in rights.roles:
        print(f"{name}: has what {RIGHTS.name} says")
    return 0


def _refuse(why: str, remedy: str) -> int:
    print(f"{why}. Nothing was changed.\nWhat to do: {remedy}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
