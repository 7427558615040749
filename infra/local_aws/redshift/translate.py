"""From one statement of Redshift to one of DuckDB: names, then types, then meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Protocol, TypeVar

from sqlglot import exp
from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import OptimizeError, SchemaError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from infra.local_aws.redshift import dialect, grammar, pivots, types
from infra.local_aws.redshift.access import Access
from infra.local_aws.redshift.catalog import Catalog, Relation, missing_relation
from infra.local_aws.redshift.errors import RedshiftError
from infra.local_aws.redshift.facts import Column
from infra.local_aws.redshift.labels import name_columns
from infra.local_aws.redshift.locks import Table as LockTable
from infra.local_aws.redshift.type_rules import RULES
from infra.local_aws.redshift.types import ColumnType

MAX_VIEW_DEPTH = 32
Tree = TypeVar("Tree", bound=exp.Query)


class Virtual(Protocol):
    """A relation that is no DuckDB table: an external table or a system view."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its columns in order."""


@dataclass(frozen=True)
class Condition:
    """``column operator value`` that every row of a scan which matters fulfils."""

    column: str
    operator: str
    value: str | int | Decimal


@dataclass(frozen=True)
class Scan:
    """A virtual relation to be registered under ``name`` for one statement, with at least ``columns``."""

    name: str
    source: Virtual
    columns: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class OutputColumn:
    """A column of a result; ``type`` is None where only DuckDB knows it."""

    name: str
    type: ColumnType | None


@dataclass(frozen=True)
class Translation:
    """DuckDB's SQL, the parameters it uses, and the scans to register before it runs."""

    sql: str
    parameters: frozenset[str]
    scans: tuple[Scan, ...] = ()
    columns: tuple[OutputColumn, ...] = ()


@dataclass
class Translator:
    """Translates one statement. ``virtual`` finds what is not a local table; ``parameters`` are the named values."""

    catalog: Catalog
    virtual: Callable[[str | None, str], Virtual | None]
    access: Access
    parameters: Mapping[str, str] = field(default_factory=dict)
    reads: set[LockTable] = field(default_factory=set)
    """Filled in: the permanent tables and views read."""
    _scans: dict[str, Scan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._schema = MappingSchema(dialect=Redshift, normalize=False)

    def query(self, tree: exp.Query, sql: str) -> Translation:
        """A SELECT; ``sql`` is the text that ``tree`` was parsed from."""
        tree, names = self.bound_query(tree, sql)
        tree = dialect.rewrite(exp.Subquery(this=tree), self.parameters).this
        columns = tuple(
            OutputColumn(names.get(item.alias_or_name, item.alias_or_name), _output_type(item)) for item in tree.selects
        )
        return self.finish(dialect.render(tree), tree, columns)

    def bound_query(self, tree: exp.Query, sql: str) -> tuple[exp.Query, dict[str, str]]:
        """A SELECT with all names qualified and all types annotated, and the true names of its reserved aliases."""
        names = name_columns(tree, sql)
        tree = normalize_identifiers(tree, dialect=Redshift)
        root = exp.Subquery(this=tree)
        self._bind_tables(root, 0, self.access)
        return self._annotate(root.this.pop()), names

    def finish(self, sql: str, tree: exp.Expr, columns: tuple[OutputColumn, ...] = ()) -> Translation:
        """The translation of which ``tree`` is the (rewritten) part that reads."""
        used = frozenset(node.name for node in tree.find_all(exp.Placeholder))
        return Translation(sql, used, tuple(self._scans.values()), columns)

    def probe(self, sources: list[exp.Expr], expressions: list[exp.Expr], where: exp.Expr | None) -> exp.Select:
        """Rewrite expressions over tables, as ``SELECT expressions FROM sources WHERE where``; aliases are dropped.

        UPDATE, DELETE and MERGE go through it, because a statement's expressions mean nothing without its tables.
        """
        select = exp.Select(
            expressions=[exp.alias_(e, f"_{i}") for i, e in enumerate(expressions)] or [exp.alias_("1", "_")]
        )
        if sources:
            first, *others = sources
            select.set("from_", exp.From(this=first))
            select.set("joins", [s if isinstance(s, exp.Join) else exp.Join(this=s) for s in others])
        if where is not None:
            select.set("where", exp.Where(this=where))
        select = normalize_identifiers(select, dialect=Redshift)
        root = exp.Subquery(this=select)
        self._bind_tables(root, 0, self.access)
        annotated = self._annotate(root.this.pop())
        rewritten: exp.Select = dialect.rewrite(exp.Subquery(this=annotated), self.parameters).this
        rewritten.set("expressions", [item.unalias() for item in rewritten.expressions])
        return rewritten

    def _bind_tables(self, root: exp.Expr, depth: int, access: Access) -> None:
        self.expand_pivots(root, depth, access)
        for table in list(root.find_all(exp.Table)):
            if not isinstance(table.this, exp.Identifier):
                raise RedshiftError("a function in FROM is not emulated by the local Redshift")
            if table.db or not grammar.is_common_table(table):
                self._bind_table(table, depth, access)

    def expand_pivots(self, root: exp.Expr, depth: int, access: Access) -> None:
        """Turn what is pivoted below ``root`` into SELECTs of the columns that the sources have now."""

        def columns_of(query: exp.Select) -> list[str]:
            # Apart, for it leaves no trace in this translation.
            apart, whole = Translator(self.catalog, self.virtual, access, self.parameters), exp.Subquery(this=query)
            apart._bind_tables(whole, depth, access)
            return [item.alias_or_name for item in apart._annotate(whole.this.pop()).selects]

        pivots.expand(root, columns_of)

    def _bind_table(self, table: exp.Table, depth: int, access: Access) -> None:
        schema, name = table.db or None, table.name
        alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name))
        relation = self.catalog.find(schema, name)
        if relation is None:
            if schema and self.catalog.external_schema(schema) is not None:
                access.require_on_schema(schema, "USAGE")
            self._bind_virtual(table, alias, schema, name)
            return
        access.require(relation, "SELECT")
        if not relation.is_temporary:
            self.reads.add((relation.schema, relation.name))
        if relation.is_view:
            # A view reads with the rights of its owner.
            self._bind_view(table, alias, relation, depth, access.of(relation.facts.owner))
            return
        self._place(table, alias, relation.path, relation.facts.columns)

    def _bind_view(self, table: exp.Table, alias: exp.Expr, view: Relation, depth: int, owner: Access) -> None:
        if depth >= MAX_VIEW_DEPTH:
            raise RedshiftError(f'infinite recursion detected in rules for relation "{view.name}"')
        query = exp.Subquery(this=grammar.parse_stored(view.facts.query or ""))
        self._bind_tables(query, depth + 1, owner)
        subquery = exp.Subquery(this=query.this, alias=alias)
        for key in ("joins",):
            if table.args.get(key):
                subquery.set(key, table.args[key])
        table.replace(subquery)

    def _bind_virtual(self, table: exp.Table, alias: exp.Expr, schema: str | None, name: str) -> None:
        source = self.virtual(schema, name)
        if source is None:
            self.catalog.require_schema(schema)
            raise missing_relation(schema, name)
        scan = Scan(f"_scan_{len(self._scans)}", source)
        self._scans[scan.name] = scan
        self._place(table, alias, ("temp", "main", scan.name), source.columns)

    def _place(
        self, table: exp.Table, alias: exp.Expr, path: tuple[str, str, str], columns: tuple[Column, ...]
    ) -> None:
        for key, part in zip(("catalog", "db", "this"), path, strict=True):
            table.set(key, exp.to_identifier(part, quoted=True))
        table.set("alias", alias)
        bare = exp.table_(path[2], db=path[1], catalog=path[0], quoted=True)
        self._schema.add_table(bare, {column.name: column.type.sqlglot for column in columns}, match_depth=False)

    def _annotate(self, tree: Tree) -> Tree:
        for column in tree.find_all(exp.Column):
            # "schema.table.column" means the table of the FROM clause; the schema tells nothing more.
            column.set("db", None)
            column.set("catalog", None)
        try:
            tree = qualify(tree, schema=self._schema, dialect=Redshift, quote_identifiers=False, identify=False)
        except OptimizeError as error:
            raise self._unresolved(tree, str(error)) from error
        except SchemaError as error:
            raise RedshiftError(str(error)) from error
        for data_type in list(tree.find_all(exp.DataType)):
            if data_type.this is exp.DType.DECIMAL and not data_type.expressions:
                data_type.replace(exp.DataType.build("DECIMAL(18, 0)"))
        tree = annotate_types(tree, schema=self._schema, dialect=Redshift, expression_metadata=RULES)
        for name in self._scans:
            self._scans[name] = _narrowed(self._scans[name], tree)
        return tree

    def _unresolved(self, tree: exp.Expr, message: str) -> RedshiftError:
        quoted = message.split("'")
        name = quoted[1] if len(quoted) > 1 else message.rpartition(": ")[2]
        aliases = sorted({source.alias_or_name for source in tree.find_all(exp.Table, exp.Subquery)} - {""})
        if message.startswith("Unknown table") or (len(quoted) > 3 and quoted[3] not in aliases):
            return RedshiftError(f'missing FROM-clause entry for table "{quoted[3] if len(quoted) > 3 else name}"')
        tables = [table for table in tree.find_all(exp.Table) if name in self._schema.column_names(table)]
        if len({table.alias_or_name for table in tables}) > 1:
            return RedshiftError(f'column reference "{name}" is ambiguous')
        return RedshiftError(f'column "{name}" does not exist' + (f" in {', '.join(aliases)}" if aliases else ""))


def _output_type(item: exp.Expr) -> ColumnType | None:
    if item.type is None or item.type.this in (exp.DType.UNKNOWN, exp.DType.NULL):
        return None
    try:
        return types.of_sqlglot(item.type, declared=False)
    except RedshiftError:
        return None


def _narrowed(scan: Scan, tree: exp.Expr) -> Scan:
    """The scan with the columns and conditions that ``tree`` needs of it."""
    columns: set[str] = set(scan.columns)
    places: list[tuple[Scope, str]] = []
    for scope in traverse_scope(tree):
        for alias, source in scope.sources.items():
            if isinstance(source, exp.Table) and source.name == scan.name:
                columns.update(column.name for column in scope.source_columns(alias))
                places.append((scope, alias))
    conditions = _conditions(*places[0]) if len(places) == 1 else ()
    ordered = tuple(column.name for column in scan.source.columns if column.name in columns)
    return replace(scan, columns=ordered, conditions=conditions)


_OPERATORS: dict[type[exp.Expr], tuple[str, str]] = {
    exp.EQ: ("=", "="),
    exp.GT: (">", "<"),
    exp.GTE: (">=", "<="),
    exp.LT: ("<", ">"),
    exp.LTE: ("<=", ">="),
}


def _conditions(scope: Scope, alias: str) -> tuple[Condition, ...]:
    # With an outer join a row that fails the WHERE may still matter, so nothing is pushed below one.
    where = scope.expression.args.get("where")
    joins = scope.expression.args.get("joins") or []
    if where is None or any(join.side for join in joins):
        return ()
    found = []
    for part in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        operators = _OPERATORS.get(type(part))
        if operators is None or not isinstance(part, exp.Binary):
            continue
        for column, other, operator in ((part.left, part.right, operators[0]), (part.right, part.left, operators[1])):
            if isinstance(column, exp.Column) and column.table == alias and isinstance(other, exp.Literal):
                found.append(Condition(column.name, operator, other.to_py() if other.is_number else other.name))
    return tuple(found)
