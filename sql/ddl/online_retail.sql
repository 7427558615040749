-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

CREATE SCHEMA IF NOT EXISTS online_retail;

CREATE TABLE IF NOT EXISTS online_retail.fact_invoice_line (
    invoice_line_key VARCHAR(32) NOT NULL,
    invoice_no VARCHAR(16) NOT NULL,
    stock_code VARCHAR(20) NOT NULL,
    description VARCHAR(200),
    customer_id BIGINT NOT NULL,
    country VARCHAR(60),
    invoice_date DATE NOT NULL,
    invoiced_at TIMESTAMP NOT NULL,
    quantity INTEGER NOT NULL,
    unit_price DECIMAL(18, 3) NOT NULL,
    total_price DECIMAL(28, 3) NOT NULL,
    PRIMARY KEY (invoice_line_key)
)
DISTSTYLE AUTO
SORTKEY (invoice_date);

COMMENT ON TABLE online_retail.fact_invoice_line IS 'Lines of invoices that are sales. Source: Daqing Chen, Online Retail (2015), UCI Machine Learning Repository, doi:10.24432/C5BW33, licensed under CC BY 4.0.';

COMMENT ON COLUMN online_retail.fact_invoice_line.invoice_line_key IS 'Surrogate key, a hash of the whole line in 32 hexadecimal digits.';

COMMENT ON COLUMN online_retail.fact_invoice_line.invoice_no IS 'Number of the invoice.';

COMMENT ON COLUMN online_retail.fact_invoice_line.stock_code IS 'Code of the product, or of a charge such as POST for postage.';

COMMENT ON COLUMN online_retail.fact_invoice_line.description IS 'The product''s name on the invoice.';

COMMENT ON COLUMN online_retail.fact_invoice_line.customer_id IS 'Number of the customer.';

COMMENT ON COLUMN online_retail.fact_invoice_line.country IS 'Country where the customer lives, by its English name.';

COMMENT ON COLUMN online_retail.fact_invoice_line.invoice_date IS 'Day of the invoice.';

COMMENT ON COLUMN online_retail.fact_invoice_line.invoiced_at IS 'When the invoice was written, to the minute. The source names no zone; taken as UTC.';

COMMENT ON COLUMN online_retail.fact_invoice_line.quantity IS 'How many pieces were sold. Unit: pieces.';

COMMENT ON COLUMN online_retail.fact_invoice_line.unit_price IS 'Price of one piece. Unit: GBP.';

COMMENT ON COLUMN online_retail.fact_invoice_line.total_price IS 'quantity times unit_price, exactly. Unit: GBP.';

CREATE TABLE IF NOT EXISTS online_retail.sales_trends (
    sales_date DATE NOT NULL,
    country VARCHAR(60) NOT NULL,
    revenue DECIMAL(38, 3) NOT NULL,
    quantity BIGINT NOT NULL,
    order_count BIGINT NOT NULL,
    line_count BIGINT NOT NULL,
    customer_count BIGINT NOT NULL,
    PRIMARY KEY (sales_date, country)
)
DISTSTYLE AUTO
SORTKEY (sales_date);

COMMENT ON TABLE online_retail.sales_trends IS 'Sales by day and country, from fact_invoice_line''s lines.';

COMMENT ON COLUMN online_retail.sales_trends.sales_date IS 'Day of the invoices.';

COMMENT ON COLUMN online_retail.sales_trends.country IS 'Country where the customers live, by its English name; "(unknown)" where the line has none.';

COMMENT ON COLUMN online_retail.sales_trends.revenue IS 'Sum of quantity times unit_price, exactly. Unit: GBP.';

COMMENT ON COLUMN online_retail.sales_trends.quantity IS 'Pieces sold. Unit: pieces.';

COMMENT ON COLUMN online_retail.sales_trends.order_count IS 'Different invoices.';

COMMENT ON COLUMN online_retail.sales_trends.line_count IS 'Invoice lines.';

COMMENT ON COLUMN online_retail.sales_trends.customer_count IS 'Different customers. Not additive, since a customer may buy on two days.';

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_silver_online_retail
FROM DATA CATALOG DATABASE 'silver_online_retail'
IAM_ROLE DEFAULT;

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_gold_online_retail
FROM DATA CATALOG DATABASE 'gold_online_retail'
IAM_ROLE DEFAULT;
