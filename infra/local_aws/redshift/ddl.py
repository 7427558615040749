"""Tables, views and schemas: DuckDB gets the shape, the comment of its entry gets Redshift's facts."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from infra.local_aws.redshift import dialect, grammar
from infra.local_aws.redshift.build import cast
from infra.local_aws.redshift.catalog import INTERNAL, WAREHOUSE, Relation, literal, quoted
from infra.local_aws.redshift.create_table import CreateTable, parse_create_table
from infra.local_aws.redshift.dml import stored
from infra.local_aws.redshift.errors import RedshiftError, not_emulated
from infra.local_aws.redshift.facts import Column, Facts
from infra.local_aws.redshift.parameters import DATABASE
from infra.local_aws.redshift.principals import require_principal
from infra.local_aws.redshift.tokens import Cursor
from infra.local_aws.redshift.types import ColumnType

if TYPE_CHECKING:
    from infra.local_aws.redshift.session import Session

NO_DATABASE_RIGHTS = f"permission denied for database {DATABASE}"


def record(session: Session, relation: Relation) -> None:
    """Write a relation's facts into its DuckDB entry."""
    kind = "VIEW" if relation.is_view else "TABLE"
    session.execute(f"COMMENT ON {kind} {relation.duckdb} IS {literal(relation.facts.to_json())}")


def owned(session: Session, relation: Relation) -> Relation:
    """A new relation, which belongs to the session's user and has the grants that the user's relations begin with."""
    grants = session.access().default_grants(relation.schema) if relation.schema else ()
    return replace(relation, facts=replace(relation.facts, owner=session.user, grants=grants))


def create_table(session: Session, cursor: Cursor) -> int:
    """CREATE TABLE, with LIKE or AS; returns the number of rows stored by AS."""
    wanted = parse_create_table(cursor)
    _check(wanted)
    catalog = session.catalog()
    schema = "" if wanted.temporary else catalog.creation_schema(wanted.schema)
    if schema:
        session.access().require_on_schema(schema, "CREATE")
    existing = catalog.find(schema or None, wanted.name)
    if existing is not None and existing.schema == schema:
        if wanted.if_not_exists:
            return 0
        raise RedshiftError(f'Relation "{wanted.name}" already exists')
    if wanted.query is not None:
        return _create_table_as(session, wanted, wanted.query, schema)
    facts = _like(catalog.table(*wanted.like).facts, wanted) if wanted.like else wanted.facts
    _create(session, Relation(schema, wanted.name, facts))
    return 0


def _check(wanted: CreateTable) -> None:
    if wanted.facts.diststyle == "KEY" and not wanted.facts.distkey:
        raise RedshiftError("DISTSTYLE KEY requires a DISTKEY column")
    if sum(constraint.kind == "PRIMARY KEY" for constraint in wanted.facts.constraints) > 1:
        raise RedshiftError(f'multiple primary keys for table "{wanted.name}" are not allowed')
    for column in wanted.facts.columns:
        if column.identity and column.type.name not in ("int4", "int8"):
            raise RedshiftError("identity column type must be INT or BIGINT")


def _like(parent: Facts, wanted: CreateTable) -> Facts:
    columns = tuple(
        replace(column, default=column.default if wanted.like_defaults else None, identity=None, identity_always=False)
        for column in parent.columns
    )
    # LIKE takes the distribution and sort attributes over, and no key.
    return replace(parent, columns=columns + wanted.facts.columns, constraints=(), comment=None)


def _create(session: Session, relation: Relation) -> None:
    relation = owned(session, relation)
    columns = ", ".join(definition(session, column, column.nullable) for column in relation.facts.columns)
    session.execute(f"CREATE {'TEMP ' if relation.is_temporary else ''}TABLE {relation.duckdb} ({columns})")
    record(session, relation)


def definition(session: Session, column: Column, nullable: bool) -> str:
    """A column in DuckDB's DDL, with its default or the sequence of its identity."""
    default = ""
    if column.identity is not None:
        default = f" DEFAULT nextval({literal(_sequence(session, column.identity))})"
    elif column.default is not None:
        (value,) = session.translator().probe([], [grammar.parse_expression(column.default)], None).expressions
        # DuckDB's defaults cannot call macros, so the fit is tried once, here.
        session.execute(f"SELECT {dialect.render(stored(value.copy(), column.type))}")
        default = f" DEFAULT ({dialect.render(cast(value, column.type.duckdb))})"
    return f"{quoted(column.name)} {column.type.duckdb}{'' if nullable else ' NOT NULL'}{default}"


def _sequence(session: Session, identity: tuple[int, int]) -> str:
    name = f"{WAREHOUSE}.{INTERNAL}.identity_{uuid.uuid4().hex}"
    seed, step = identity
    # DuckDB's own bounds leave out zero and all below.
    bounds = "MINVALUE -9223372036854775808 MAXVALUE 9223372036854775807"
    session.execute(f"CREATE SEQUENCE {name} START {seed} INCREMENT {step} {bounds}")
    return name


def _create_table_as(session: Session, wanted: CreateTable, query: str, schema: str) -> int:
    result = session.prepare_query(query)
    names = list(wanted.column_names) or [column.name for column in result.columns]
    if len(names) != len(result.columns):
        raise RedshiftError("CREATE TABLE AS specifies too many column names")
    for name in names:
        if names.count(name) > 1:
            raise RedshiftError(f'column "{name}" specified more than once')
    found = session.describe(result)
    columns = tuple(Column(name, _declared(kind)) for name, kind in zip(names, found, strict=True))
    relation = Relation(schema, wanted.name, replace(wanted.facts, columns=columns))
    _create(session, relation)
    values = ", ".join(dialect.render(stored(exp.column(f"c{i}"), c.type)) for i, c in enumerate(columns))
    slots = ", ".join(f"c{i}" for i in range(len(columns)))
    return session.change(
        replace(result, sql=f"INSERT INTO {relation.duckdb} SELECT {values} FROM ({result.sql}) AS s({slots})")
    )


def _declared(found: ColumnType) -> ColumnType:
    if found.name == "varchar" and found.length is None:
        return ColumnType("varchar", length=65535)
    return found


def create_view(session: Session, cursor: Cursor, replace_existing: bool) -> None:
    """CREATE [OR REPLACE] VIEW, also WITH NO SCHEMA BINDING; the cursor stands behind VIEW."""
    schema, name = cursor.qualified_name()
    names = cursor.parenthesised(cursor.name) if cursor.peek() == "(" else []
    cursor.expect("AS")
    text = cursor.rest()
    late_binding = _ends_with_no_schema_binding(text)
    if late_binding:
        text = text[: text.upper().rindex("WITH")].strip()
    catalog = session.catalog()
    schema = catalog.creation_schema(schema)
    session.access().require_on_schema(schema, "CREATE")
    existing = catalog.find(schema, name)
    if existing is not None and not (existing.is_view and replace_existing):
        raise RedshiftError(f'Relation "{name}" already exists')
    try:
        facts = session.view_facts(text, names, late_binding=late_binding)
    except RedshiftError as error:
        if not late_binding:
            raise
        # What a late-binding view reads may come into being later; it is looked for when the view is.
        if "does not exist" not in error.message:
            raise
        facts = Facts((), query=session.stored_query(text, late_binding=True), late_binding=True)
    facts = replace(facts, late_binding=late_binding)
    if existing is not None:
        session.access().require_owner(existing)
    if existing is not None and not existing.facts.late_binding and existing.facts.columns:
        _require_same_start(existing.facts.columns, facts.columns)
    shape = ", ".join(f"CAST(NULL AS {c.type.duckdb}) AS {quoted(c.name)}" for c in facts.columns) or "NULL AS late"
    relation = Relation(schema, name, facts)
    if existing is None:
        relation = owned(session, relation)
    else:
        # What replaces a view keeps its owner and its grants.
        kept = replace(facts, owner=existing.facts.owner, grants=existing.facts.grants)
        relation = replace(relation, facts=kept)
    session.execute(f"CREATE OR REPLACE VIEW {relation.duckdb} AS SELECT {shape}")
    record(session, relation)


def _ends_with_no_schema_binding(text: str) -> bool:
    return text.upper().split()[-4:] == ["WITH", "NO", "SCHEMA", "BINDING"]


def _require_same_start(old: tuple[Column, ...], new: tuple[Column, ...]) -> None:
    for before, after in zip(old, new, strict=False):
        if before.name != after.name:
            raise RedshiftError(f'cannot change name of view column "{before.name}"')
    if len(new) < len(old):
        raise RedshiftError("cannot drop columns from view")


def drop(session: Session, cursor: Cursor) -> None:
    """DROP TABLE, VIEW or SCHEMA; the cursor stands behind DROP."""
    kind = cursor.word()
    if kind not in ("TABLE", "VIEW", "SCHEMA"):
        raise not_emulated(f"DROP {kind}")
    if_exists = cursor.accept("IF", "EXISTS")
    if kind == "SCHEMA":
        names: list[tuple[str | None, str]] = [(None, name) for name in cursor.listed(cursor.name)]
    else:
        names = cursor.listed(cursor.qualified_name)
    cursor.accept("DROP", "EXTERNAL", "DATABASE")
    cascade = cursor.accept("CASCADE")
    if not cascade:
        cursor.accept("RESTRICT")
    cursor.finish()
    for schema, name in names:
        if kind == "SCHEMA":
            _drop_schema(session, name, if_exists, cascade)
        else:
            _drop_relation(session, kind, schema, name, if_exists, cascade)


def _drop_relation(session: Session, kind: str, schema: str | None, name: str, if_exists: bool, cascade: bool) -> None:
    catalog = session.catalog()
    relation = catalog.find(schema, name)
    if relation is None:
        if not if_exists:
            raise RedshiftError(f'{kind.capitalize()} "{name}" does not exist')
        return
    if relation.is_view != (kind == "VIEW"):
        raise RedshiftError(f'"{name}" is not a {kind.lower()}')
    session.access().require_owner(relation, "DROP")
    dependents = catalog.views_over(relation)
    if dependents and not cascade:
        what = f"{kind.lower()} {name}"
        raise RedshiftError(
            f"cannot drop {what} because other objects depend on it\n"
            f"  Detail: view {dependents[0].name} depends on {what}\n"
            "  Hint: Use DROP ... CASCADE to drop the dependent objects too."
        )
    for view in dependents:
        session.execute(f"DROP VIEW IF EXISTS {view.duckdb}")
    session.execute(f"DROP {kind} {relation.duckdb}")


def _drop_schema(session: Session, name: str, if_exists: bool, cascade: bool) -> None:
    catalog = session.catalog()
    if catalog.external_schema(name) is not None:
        session.access().require_schema_owner(name)
        session.execute(f"DELETE FROM {INTERNAL}.external_schemas WHERE name = ?", [name])
        _forget_schema(session, name)
        return
    if name not in catalog.schemas():
        if not if_exists:
            raise RedshiftError(f'schema "{name}" does not exist')
        return
    session.access().require_schema_owner(name)
    relations = [relation for relation in catalog.relations() if relation.schema == name]
    if relations and not cascade:
        raise RedshiftError(
            f"cannot drop schema {name} because other objects depend on it\n"
            "  Hint: Use DROP ... CASCADE to drop the dependent objects too."
        )
    for relation in relations:
        for view in catalog.views_over(relation):
            session.execute(f"DROP VIEW IF EXISTS {view.duckdb}")
    session.execute(f"DROP SCHEMA {quoted(WAREHOUSE, name)} CASCADE")
    _forget_schema(session, name)


def _forget_schema(session: Session, name: str) -> None:
    for table in ("schema_owners", "schema_grants", "default_grants"):
        session.execute(f"DELETE FROM {INTERNAL}.{table} WHERE schema_name = ?", [name])


def create_schema(session: Session, cursor: Cursor) -> None:
    """CREATE SCHEMA; the cursor stands behind SCHEMA."""
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    name = cursor.name()
    session.access().require_superuser(NO_DATABASE_RIGHTS)
    owner = cursor.name() if cursor.accept("AUTHORIZATION") else session.user
    require_principal(session, "USER", owner)
    if cursor.accept("QUOTA") and not cursor.accept("UNLIMITED"):
        cursor.number()
        cursor.word()
    cursor.finish()
    if not _is_free(session, name, if_not_exists):
        return
    session.execute(f"CREATE SCHEMA {quoted(WAREHOUSE, name)}")
    session.execute(f"INSERT INTO {INTERNAL}.schema_owners VALUES (?, ?)", [name, owner])


def create_external_schema(session: Session, cursor: Cursor) -> None:
    """CREATE EXTERNAL SCHEMA ... FROM DATA CATALOG; the cursor stands behind SCHEMA."""
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    name = cursor.name()
    session.access().require_superuser(NO_DATABASE_RIGHTS)
    cursor.expect("FROM")
    if not cursor.accept("DATA", "CATALOG"):
        raise not_emulated(f"CREATE EXTERNAL SCHEMA FROM {cursor.word()}")
    cursor.expect("DATABASE")
    database, role = cursor.string(), ""
    while not cursor.at_end:
        if cursor.accept("IAM_ROLE"):
            role = "default" if cursor.accept("DEFAULT") else cursor.string()
        elif cursor.accept("REGION") or cursor.accept("CATALOG_ROLE"):
            cursor.string()
        elif not cursor.accept("CREATE", "EXTERNAL", "DATABASE", "IF", "NOT", "EXISTS"):
            raise cursor.unexpected()
    if not role:
        raise RedshiftError("IAM_ROLE is required for CREATE EXTERNAL SCHEMA FROM DATA CATALOG")
    if _is_free(session, name, if_not_exists):
        session.execute(f"INSERT INTO {INTERNAL}.external_schemas VALUES (?, ?, ?)", [name, database.lower(), role])


def _is_free(session: Session, name: str, if_not_exists: bool) -> bool:
    catalog = session.catalog()
    if name not in catalog.schemas() and catalog.external_schema(name) is None:
        if name.startswith(("pg_", "_redshift")) or name in ("main", "information_schema"):
            raise RedshiftError(f'unacceptable schema name "{name}"')
        return True
    if if_not_exists:
        return False
    raise RedshiftError(f'Schema "{name}" already exists')
