"""PIVOT and UNPIVOT as SELECTs that mean the same: aggregates of CASE, and one branch of a UNION ALL for each column.

Rules and default names: docs.aws.amazon.com/redshift/latest/dg/r_FROM_clause-pivot-unpivot-examples.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from infra.local_aws.redshift.errors import RedshiftError, syntax_error

_AGGREGATES = (exp.Count, exp.Sum, exp.Min, exp.Max, exp.Avg)
_UNNAMED = "?column?"


def expand(root: exp.Expr, columns_of: Callable[[exp.Select], Sequence[str]]) -> None:
    """Replace every PIVOT and UNPIVOT below ``root``, which is not one itself. ``columns_of`` names the columns of a
    SELECT. Raises RedshiftError for what Redshift does not take."""
    for pivot in reversed(list(root.find_all(exp.Pivot))):  # the innermost first
        source = pivot.parent
        if not isinstance(source, exp.Table | exp.Subquery) or len(source.args["pivots"]) > 1:
            raise RedshiftError("PIVOT and UNPIVOT cannot be applied to a PIVOT, an UNPIVOT or a JOIN")
        bare = source.copy()
        bare.set("pivots", None)
        bare.set("joins", None)
        columns = columns_of(_with(_visible(source), exp.select("*").from_(bare.copy())))
        query = (_unpivoted if pivot.unpivot else _pivoted)(pivot, bare, columns)
        alias = pivot.args.get("alias") or source.args.get("alias")
        source.replace(exp.Subquery(this=query, alias=alias, joins=source.args.get("joins")))


def _pivoted(pivot: exp.Pivot, source: exp.Expr, columns: Sequence[str]) -> exp.Query:
    if len(pivot.expressions) > 1:
        raise syntax_error(",")
    aggregate, values = pivot.expressions[0].unalias(), pivot.args["fields"][0]
    if not isinstance(aggregate, _AGGREGATES):
        raise RedshiftError("PIVOT takes one call of COUNT, SUM, MIN, MAX or AVG")
    pivoted: exp.Column = values.this
    used = {column.name for column in aggregate.find_all(exp.Column)} | {pivoted.name}
    implicit = [_column(name) for name in columns if name not in used]
    suffix = f"_{pivot.expressions[0].alias}" if pivot.expressions[0].alias else ""
    cells = [
        exp.alias_(_where(aggregate, pivoted, value.unalias()), f"{_name(value)}{suffix}", quoted=True)
        for value in values.expressions
    ]
    return exp.select(*implicit, *cells).from_(source).group_by(*(column.copy() for column in implicit))


def _where(aggregate: exp.Expr, pivoted: exp.Column, value: exp.Expr) -> exp.Expr:
    """The aggregate of the rows that have this value."""
    if value.find(exp.Column, exp.Query):
        raise RedshiftError("the IN list of PIVOT takes neither columns nor subqueries")
    compare = exp.Is if isinstance(value, exp.Null) else exp.EQ
    condition = compare(this=pivoted.copy(), expression=value.copy())
    found = aggregate.copy()
    counted = found.this.expressions[0] if isinstance(found.this, exp.Distinct) else found.this
    result = exp.Literal.number(1) if isinstance(counted, exp.Star) else counted.copy()
    counted.replace(exp.case().when(condition, result))
    return found


def _name(value: exp.Expr) -> str:
    if isinstance(value, exp.PivotAlias):
        return str(value.args["alias"].name)
    if isinstance(value, exp.Null):
        return "null"
    # Names do not know case.
    return value.name.lower() if isinstance(value, exp.Literal) else _UNNAMED


def _unpivoted(pivot: exp.Pivot, source: exp.Expr, columns: Sequence[str]) -> exp.Query:
    field = pivot.args["fields"][0]
    inputs = [
        (item.unalias(), item.args["alias"].name if isinstance(item, exp.PivotAlias) else item.name)
        for item in field.expressions
    ]
    if not all(isinstance(column, exp.Column) for column, _ in inputs):
        raise RedshiftError("the IN list of UNPIVOT takes columns only")
    implicit = [name for name in columns if name not in {column.name for column, _ in inputs}]
    branches: list[exp.Query] = []
    for column, label in inputs:
        branch = exp.select(
            *map(_column, implicit),
            exp.alias_(exp.cast(exp.Literal.string(label), "VARCHAR"), field.this.name, quoted=True),
            exp.alias_(column.copy(), pivot.expressions[0].name, quoted=True),
        ).from_(source.copy())
        branches.append(branch if pivot.args.get("include_nulls") else branch.where(column.is_(exp.null()).not_()))
    return exp.union(*branches, distinct=False) if len(branches) > 1 else branches[0]


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


def _with(tables: Sequence[exp.Expr], query: exp.Select) -> exp.Select:
    if tables:
        query.set("with_", exp.With(expressions=[table.copy() for table in tables]))
    return query


def _visible(node: exp.Expr) -> list[exp.Expr]:
    """The common tables that a node of a query may name, the outermost first."""
    visible: list[exp.Expr] = []
    while (parent := node.parent) is not None:
        if isinstance(node, exp.CTE):
            visible = [*parent.expressions[: node.index], *visible]
        elif not isinstance(node, exp.With) and (with_ := parent.args.get("with_")):
            visible = [*with_.expressions, *visible]
        node = parent
    return visible
