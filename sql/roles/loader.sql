-- Made from the contracts by `lakehouse contract ddl --write`; `lakehouse warehouse apply` runs it.

CREATE ROLE loader;

GRANT USAGE ON SCHEMA
    ops,
    fashion,
    online_retail,
    retail,
    shopping_habits,
    storefront,
    private_retail,
    private_storefront
TO ROLE loader;

GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA
    ops,
    fashion,
    online_retail,
    retail,
    shopping_habits,
    storefront,
    private_retail,
    private_storefront
TO ROLE loader;

ALTER DEFAULT PRIVILEGES IN SCHEMA
    ops,
    fashion,
    online_retail,
    retail,
    shopping_habits,
    storefront,
    private_retail,
    private_storefront
GRANT SELECT, INSERT, DELETE ON TABLES TO ROLE loader;
