-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

CREATE SCHEMA IF NOT EXISTS ops;

CREATE TABLE IF NOT EXISTS ops.loads (
    domain VARCHAR(64) NOT NULL,
    batch_id BIGINT NOT NULL,
    loaded_at TIMESTAMP NOT NULL,
    table_count INTEGER NOT NULL,
    row_count BIGINT NOT NULL,
    gold_committed_at TIMESTAMP,
    PRIMARY KEY (domain, batch_id)
)
DISTSTYLE ALL;

COMMENT ON TABLE ops.loads IS 'Loads that were committed.';

COMMENT ON COLUMN ops.loads.domain IS 'Business domain whose tables were loaded.';

COMMENT ON COLUMN ops.loads.batch_id IS 'Number of the batch; within a domain no smaller one loads later.';

COMMENT ON COLUMN ops.loads.loaded_at IS 'When the load''s transaction ran, in UTC.';

COMMENT ON COLUMN ops.loads.table_count IS 'Tables the load touched.';

COMMENT ON COLUMN ops.loads.row_count IS 'Rows the load inserted, over all its tables.';

COMMENT ON COLUMN ops.loads.gold_committed_at IS 'Last commit to one of the gold tables before they were exported, in UTC: the batch is loaded again when there has been another one.';

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_ops
FROM DATA CATALOG DATABASE 'ops'
IAM_ROLE DEFAULT;

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_quarantine
FROM DATA CATALOG DATABASE 'quarantine'
IAM_ROLE DEFAULT;
