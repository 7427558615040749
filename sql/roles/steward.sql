-- Made from the contracts by `lakehouse contract ddl --write`; `lakehouse warehouse apply` runs it.

CREATE ROLE steward;

GRANT ROLE analyst TO ROLE steward;

GRANT USAGE ON SCHEMA
    private_retail,
    private_storefront
TO ROLE steward;

GRANT SELECT ON ALL TABLES IN SCHEMA
    private_retail,
    private_storefront
TO ROLE steward;

ALTER DEFAULT PRIVILEGES IN SCHEMA
    private_retail,
    private_storefront
GRANT SELECT ON TABLES TO ROLE steward;

GRANT USAGE ON SCHEMA
    lake_ops,
    lake_quarantine,
    lake_silver_fashion,
    lake_gold_fashion,
    lake_silver_online_retail,
    lake_gold_online_retail,
    lake_silver_retail,
    lake_gold_retail,
    lake_silver_shopping_habits,
    lake_gold_shopping_habits,
    lake_silver_storefront,
    lake_gold_storefront
TO ROLE steward;
