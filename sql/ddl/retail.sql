-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

CREATE SCHEMA IF NOT EXISTS retail;

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_silver_retail
FROM DATA CATALOG DATABASE 'silver_retail'
IAM_ROLE DEFAULT;

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_gold_retail
FROM DATA CATALOG DATABASE 'gold_retail'
IAM_ROLE DEFAULT;
