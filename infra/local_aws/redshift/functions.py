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
    "getdate", "greatest", "has_schema_privilege", "has_table_privilege", "initcap", "is_valid_json",
    "is_valid_json_array", "json_array_length",
    "json_extract_array_element_text", "json_extract_path_text", "lag", "last_day", "last_value",
    "lead", "least", "left", "len", "length", "listagg", "ln", "log", "lower", "lpad", "ltrim", "max", "md5",
    "median", "min", "mod", "months_between", "next_day", "nth_value", "ntile", "nullif", "nvl", "nvl2", "octet_length",
    "percent_rank", "percentile_cont", "percentile_disc", "pg_backend_pid", "pi", "position", "pow", "power",
    "radians", "random", "rank", "ratio_to_report", "regexp_count", "regexp_instr", "regexp_replace",
    "regexp_substr", "repeat", "replace", "reverse", "right", "round", "row_number", "rpad", "rtrim", "sha", "sha1",
    "sha2", "sign", "sin", "split_part", "sqrt", "stddev", "stddev_pop", "stddev_samp", "strpos", "strtol", "substr",
    "substring", "sum", "sysdate", "tan", "textlen", "timezone", "to_char", "to_date", "to_hex", "to_number",
    "to_timestamp", "translate", "trim", "trunc", "upper", "var_pop", "var_samp", "variance", "version",

})
# fmt: on

# sqlglot reads these as something of its own; DuckDB has no such name.
RENAMED = {
    "is_valid_json": "rs_is_valid_json",
    "is_valid_json_array": "rs_is_valid_json_array",
    "textlen": "length",
    "octet_length": "strlen",
    "substr": "substring",
    "regexp_count": "rs_regexp_count",
}

REFUSED = frozenset({"crc32", "json_parse", "json_serialize", "width_bucket", "from_hex"})

_DAYS = ("%Y%m%d", "%m/%d/%Y", "%m-%d-%Y", "%Y/%m/%d", "%b %d,%Y", "%b %d, %Y", "%d %b %Y", "%d.%m.%Y")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f")
_TIME_FORMATS = [day + time for time in _TIMES for day in _DAYS]

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
    # --- text
    """rs_substring(a, start, n) AS CASE WHEN start > 0 THEN substring(a, start, n)
        WHEN start + n - 1 > 0 THEN left(a, start + n - 1) WHEN a IS NOT NULL THEN '' END""",
    """rs_split_part(a, delimiter, n) AS CASE WHEN n > 0 THEN split_part(a, delimiter, n)
        WHEN n <= 0 THEN error('field position must be greater than zero') END""",
    """rs_regexp_substr(a, pattern, start, occurrence, part, flags) AS CASE WHEN a IS NOT NULL AND occurrence > 0 THEN
        coalesce(regexp_extract_all(substring(a, greatest(start, 1)), pattern, part, flags)[occurrence], '') END""",
    """rs_regexp_replace(a, pattern, b, start, flags) AS left(a, greatest(start, 1) - 1)
        || regexp_replace(substring(a, greatest(start, 1)), pattern, b, flags)""",
    # RE2 tells no positions: the shortest text before a match has the length that is looked for.
    """rs_regexp_instr(a, pattern, start) AS CASE WHEN a IS NULL THEN NULL
        WHEN regexp_matches(substring(a, greatest(start, 1)), pattern) THEN greatest(start, 1)
        + length(regexp_extract(substring(a, greatest(start, 1)), '^((?s:.*?))(?:' || pattern || ')', 1)) ELSE 0 END""",
    # --- JSON in text
    # DuckDB lets a comma stand before a closing bracket.
    r"""rs_json_valid(a) AS json_valid(a)
        AND NOT regexp_matches(regexp_replace(a, '"(\\.|[^"\\])*"', '""', 'g'), ',\s*[\]}]')""",
    "rs_is_valid_json(a) AS rs_json_valid(a) AND json_type(a) = 'OBJECT'",
    "rs_is_valid_json_array(a) AS rs_json_valid(a) AND json_type(a) = 'ARRAY'",
    """rs_json(a, or_null) AS CASE WHEN rs_json_valid(a) THEN a WHEN a IS NOT NULL AND NOT or_null
        THEN error('JSON parsing error') END""",
    """rs_json_array(a, or_null) AS CASE WHEN rs_is_valid_json_array(a) THEN a WHEN a IS NOT NULL AND NOT or_null
        THEN error('JSON parsing error') END""",
    # --- numbers
    "rs_digits(a, base) AS regexp_replace(lower(ltrim(a)), CASE base WHEN 16 THEN '^[+-]?(0x)?' ELSE '^[+-]?' END, '')",
    """rs_digit(c, a, base) AS CASE WHEN strpos(left('0123456789abcdefghijklmnopqrstuvwxyz', base), c) > 0
        THEN strpos('0123456789abcdefghijklmnopqrstuvwxyz', c) - 1
        ELSE error('The input ' || a || ' is not valid to be converted to base ' || base) END""",
    """rs_strtol(a, base) AS CASE WHEN a IS NULL OR base IS NULL THEN NULL
        WHEN base NOT BETWEEN 2 AND 36 THEN error('base must be between 2 and 36')
        ELSE CAST(CASE WHEN left(ltrim(a), 1) = '-' THEN -1 ELSE 1 END
            * list_reduce(list_prepend(CAST(0 AS HUGEINT), list_transform(
                list_filter(string_split(rs_digits(a, base), ''), lambda c: c <> ''),
                lambda c: CAST(rs_digit(c, a, base) AS HUGEINT))),
            lambda x, y: x * base + y) AS BIGINT) END""",
    r"""rs_number(a) AS CASE WHEN regexp_full_match(trim(a), '[$+-]*[0-9,]*\.?[0-9]*[+-]?')
        THEN CASE WHEN contains(a, '-') THEN '-' ELSE '' END || regexp_replace(a, '[^0-9.]', '', 'g')
        WHEN a IS NOT NULL THEN error('invalid input syntax for type numeric: "' || a || '"') END""",
    # --- dates: the forms of literals that Redshift reads and DuckDB does not
    f"""rs_try_time(a) AS try_strptime(trim(regexp_replace(a, '\\s+', ' ', 'g')), {_TIME_FORMATS})""",
    """rs_date(a VARCHAR) AS coalesce(TRY_CAST(a AS DATE), CAST(rs_try_time(a) AS DATE), CAST(a AS DATE)),
        (a) AS CAST(a AS DATE)""",
    """rs_timestamp(a VARCHAR) AS coalesce(TRY_CAST(a AS TIMESTAMP), rs_try_time(a), CAST(a AS TIMESTAMP)),
        (a) AS CAST(a AS TIMESTAMP)""",
    "rs_date_trunc_from_one(unit, a) AS date_trunc(unit, a - to_years(1)) + to_years(1)",
    # A year after a leap day comes March 1, twelve months after it February 28.
    """rs_add_years(a, n) AS a + to_years(n)
        + CASE WHEN day(a) = 29 AND day(a + to_years(n)) = 28 THEN INTERVAL 1 DAY ELSE INTERVAL 0 DAY END""",
    """rs_add_months(a, n) AS CASE WHEN CAST(a AS DATE) = last_day(a)
        THEN CAST(last_day(a + to_months(n)) AS TIMESTAMP) + (a - date_trunc('day', a)) ELSE a + to_months(n) END""",
    """rs_months_between(a, b) AS CAST((year(a) - year(b)) * 12 + month(a) - month(b) AS DOUBLE)
        + CASE WHEN day(a) = day(b) OR (CAST(a AS DATE) = last_day(a) AND CAST(b AS DATE) = last_day(b)) THEN 0.0
        ELSE (day(a) - day(b) + (epoch(a - date_trunc('day', a)) - epoch(b - date_trunc('day', b))) / 86400.0) / 31.0
        END""",
    """rs_weekday(name) AS coalesce(list_position(['mo', 'tu', 'we', 'th', 'fr', 'sa', 'su'], left(lower(name), 2)),
        error('Invalid day of the week: ' || name))""",
    "rs_next_day(a, name) AS a + CAST((rs_weekday(name) - isodow(a) + 6) % 7 + 1 AS INTEGER)",
)
