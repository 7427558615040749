-- Made from the contracts by `lakehouse contract ddl --write`; `lakehouse warehouse apply` runs it.

CREATE ROLE analyst;

GRANT USAGE ON SCHEMA
    ops,
    fashion,
    online_retail,
    retail,
    shopping_habits,
    storefront
TO ROLE analyst;

GRANT SELECT ON ALL TABLES IN SCHEMA
    ops,
    fashion,
    online_retail,
    retail,
    shopping_habits,
    storefront
TO ROLE analyst;

ALTER DEFAULT PRIVILEGES IN SCHEMA
    ops,
    fashion,
    online_retail,
    retail,
    shopping_habits,
    storefront
GRANT SELECT ON TABLES TO ROLE analyst;
