"""PIVOT and UNPIVOT as SELECTs that mean the same: aggregates of CASE, and a row of every column's label for each row.

Rules and default names: docs.aws.amazon.com/redshift/latest/dg/r_FROM_clause-pivot-unpivot-examples.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from sqlglot import exp

from infra.local_aws.redshift.build import cast
from infra.local_aws.redshift.errors import RedshiftError, not_emulated, syntax_error

_AGGREGATES = (exp.Count, exp.Sum, exp.Min, exp.Max, exp.Avg)
_UNNAMED = "?column?"
# Columns of the labels that an UNPIVOT joins to its rows.
_PLACE, _LABEL = "_unpivoted_place", "_unpivoted_label"


def expand(root: exp.Expr, columns_of: Callable[[exp.Select], Sequence[str]]) -> None:
    """Replace every PIVOT and UNPIVOT below ``root``, which is not one itself. ``columns_of`` names the columns of a
    SELECT. Raises RedshiftError for what Redshift does not take."""
    for pivot in reversed(list(root.find_all(exp.Pivot))):  # the innermost first
        source = pivot.parent
        if source is None or not source.args.get("pivots"):
            raise syntax_error("pivot")
        if len(source.args["pivots"]) > 1 or (
            isinstance(source, exp.Subquery) and not isinstance(source.this, exp.Query)
        ):
            raise RedshiftError("PIVOT and UNPIVOT cannot be applied to a PIVOT, an UNPIVOT or a JOIN")
        with_ = _visible(source)
        if with_ is not None and _is_recursive(source, with_):
            raise RedshiftError("PIVOT and UNPIVOT cannot be applied to a recursive common table")
        bare = source.copy()
        bare.set("pivots", None)
        bare.set("joins", None)
        every_column = exp.select("*").from_(bare.copy())
        every_column.set("with_", with_)
        columns = columns_of(every_column)
        query = (_unpivoted if pivot.unpivot else _pivoted)(pivot, bare, columns)
        twice = [name for name, count in Counter(item.alias_or_name for item in query.selects).items() if count > 1]
        if twice:
            raise RedshiftError(f'column "{twice[0]}" specified more than once')
        alias = pivot.args.get("alias")
        if alias is None and source.alias:  # its own list of columns, if it has one, names those of the source
            alias = exp.TableAlias(this=exp.to_identifier(source.alias))
        source.replace(exp.Subquery(this=query, alias=alias, joins=source.args.get("joins")))


def _field(pivot: exp.Pivot) -> exp.In:
    """What follows FOR."""
    if len(pivot.args["fields"]) > 1 or pivot.args.get("default_on_null") or pivot.args.get("group"):
        raise syntax_error("pivot")
    field: exp.In = pivot.args["fields"][0]
    if not isinstance(field.this, exp.Column | exp.Identifier) or not field.expressions:
        raise syntax_error("for")
    return field


def _pivoted(pivot: exp.Pivot, source: exp.Expr, columns: Sequence[str]) -> exp.Query:
    field, aggregate = _field(pivot), pivot.expressions[0].unalias()
    if len(pivot.expressions) > 1:
        raise syntax_error(",")
    if not isinstance(aggregate, _AGGREGATES) or not isinstance(aggregate.this, exp.Expr):
        raise RedshiftError("PIVOT takes one call of COUNT, SUM, MIN, MAX or AVG")
    if aggregate.find(exp.Query):
        raise not_emulated("a subquery in the aggregate of PIVOT")
    used = {column.name for column in aggregate.find_all(exp.Column)} | {field.this.name}
    implicit = [_column(name) for name in columns if name not in used]
    suffix = f"_{pivot.expressions[0].alias}" if pivot.expressions[0].alias else ""
    cells = [
        exp.alias_(_where(aggregate, field.this, value.unalias()), f"{_name(value)}{suffix}", quoted=True)
        for value in field.expressions
    ]
    return exp.select(*implicit, *cells).from_(source).group_by(*(column.copy() for column in implicit))


def _where(aggregate: exp.Expr, pivoted: exp.Expr, value: exp.Expr) -> exp.Expr:
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
    field = _field(pivot)
    inputs = [item.unalias() for item in field.expressions]
    if not all(isinstance(column, exp.Column) for column in inputs):
        raise RedshiftError("the IN list of UNPIVOT takes columns only")
    implicit = [_column(name) for name in columns if name not in {column.name for column in inputs}]
    labels: list[exp.Query] = [
        exp.select(
            exp.alias_(exp.Literal.number(place), _PLACE),
            exp.alias_(cast(exp.Literal.string(item.alias_or_name), "VARCHAR"), _LABEL),
        )
        for place, item in enumerate(field.expressions)
    ]
    value = exp.case(exp.column(_PLACE))
    for place, column in enumerate(inputs):
        value = value.when(exp.Literal.number(place), column)
    joined = exp.union(*labels, distinct=False) if len(labels) > 1 else labels[0]
    query = (
        exp.select(
            *implicit,
            exp.alias_(exp.column(_LABEL), field.this.name, quoted=True),
            exp.alias_(value, pivot.expressions[0].name, quoted=True),
        )
        .from_(source)
        .join(exp.Subquery(this=joined, alias=exp.TableAlias(this=exp.to_identifier("_labels"))), join_type="cross")
    )
    return query if pivot.args.get("include_nulls") else query.where(value.is_(exp.null()).not_())


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


def _visible(node: exp.Expr) -> exp.With | None:
    """The common tables that a node of a query may name, the outermost first."""
    visible: list[exp.Expr] = []
    is_recursive = False
    while (parent := node.parent) is not None:
        with_: exp.With | None = None
        if isinstance(node, exp.CTE) and isinstance(parent, exp.With):
            with_, found = parent, parent.expressions[: node.index]
        elif not isinstance(node, exp.With) and (with_ := parent.args.get("with_")):
            found = with_.expressions
        if with_ is not None:
            visible = [*(table.copy() for table in found), *visible]
            is_recursive |= with_.recursive
        node = parent
    return exp.With(expressions=visible, recursive=is_recursive) if visible else None


def _is_recursive(source: exp.Expr, with_: exp.With) -> bool:
    """Is the source a common table that reads itself?"""
    if not isinstance(source, exp.Table) or source.db:
        return False
    named = [table for table in with_.expressions if table.alias == source.name]
    return bool(named) and any(table.name == source.name for table in named[-1].this.find_all(exp.Table))
