"""The functions of Redshift that the local Redshift has, and the DuckDB macros that some of them need.

A function that is not listed is refused by name, so that a DuckDB function can never pass for one of Redshift.
"""

from __future__ import annotations

# fmt: off
FUNCTIONS = frozenset({
    "abs", "acos", "add_months", "any_value", "ascii", "asin", "atan", "atan2", "avg", "bit_and", "bit_or",
    "bool_and", "bool_or", "btrim", "cast", "ceil", "ceiling", "char_length", "character_length", "charindex",
    "chr", "coalesce", "concat", "convert_timezone", "cos", "cot", "count", "cume_dist",
    "current_database", "current_schema", "current_setting", "current_user", "date", "date_part", "date_trunc",
    "dateadd", "datediff", "decode", "degrees", "dense_rank", "exp", "extract", "first_value", "floor",
    "getdate", "greatest", "initcap", "is_valid_json", "json_extract_path_text", "lag", "last_day", "last_value",
    "lead", "least", "left", "len", "length", "listagg", "ln", "log", "lower", "lpad", "ltrim", "max", "md5",
    "median", "min", "mod", "months_between", "nth_value", "ntile", "nullif", "nvl", "nvl2", "octet_length",
    "percent_rank", "percentile_cont", "percentile_disc", "pg_backend_pid", "pi", "position", "pow", "power",
    "radians", "random", "rank", "regexp_count", "regexp_replace",
    "regexp_substr", "repeat", "replace", "reverse", "right", "round", "row_number", "rpad", "rtrim", "sha", "sha1",
    "sha2", "sign", "sin", "split_part", "sqrt", "stddev", "stddev_pop", "stddev_samp", "strpos", "substr",
    "substring", "sum", "sysdate", "tan", "textlen", "timezone", "to_char", "to_date", "to_hex",
    "to_timestamp", "translate", "trim", "trunc", "upper", "var_pop", "var_samp", "variance", "version",

})
# fmt: on

# sqlglot reads these as something of its own; DuckDB has no such name.
RENAMED = {
    "is_valid_json": "json_valid",
    "textlen": "length",
    "octet_length": "strlen",
    "substr": "substring",
    "regexp_count": "rs_regexp_count",
}

REFUSED = frozenset({"crc32", "regexp_instr", "ratio_to_report", "to_number", "width_bucket", "from_hex"})

MACROS = (
    # Trailing blanks do not count in comparisons; other types pass unchanged.
    "rs_blank(a VARCHAR) AS rtrim(a, ' '), (a) AS a",
    # The longest start of a text that fits n bytes without cutting a character in two.
    """rs_fit(a, n) AS CASE WHEN strlen(a) = length(a) THEN left(a, n)
        ELSE left(a, coalesce(list_max(list_filter(range(0, n + 1), lambda k: strlen(left(a, k)) <= n)), 0)) END""",
    "rs_cast_varchar(a, n) AS CASE WHEN strlen(a) <= n THEN a ELSE rs_fit(a, n) END",
    "rs_cast_char(a, n) AS rtrim(rs_cast_varchar(a, n), ' ')",
    # Blanks beyond the length are cut off in silence; anything else there is an error.
    """rs_store_varchar(a, n) AS CASE WHEN a IS NULL OR strlen(a) <= n THEN a
        WHEN strlen(rtrim(a, ' ')) <= n THEN rs_fit(a, n)
        ELSE error('value too long for type character varying(' || n || ')') END""",
    """rs_store_char(a, n) AS CASE WHEN a IS NULL THEN NULL
        WHEN strlen(a) <> length(a) THEN error('CHAR string contains invalid ASCII character')
        WHEN strlen(rtrim(a, ' ')) <= n THEN rtrim(a, ' ')
        ELSE error('value too long for type character(' || n || ')') END""",
    """rs_listagg(a) AS CASE WHEN strlen(a) > 65535 THEN error('Result size exceeds LISTAGG limit') ELSE a END""",
    "rs_regexp_count(a, pattern) AS length(regexp_extract_all(a, pattern))",
)
