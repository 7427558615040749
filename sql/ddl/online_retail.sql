-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

CREATE SCHEMA IF NOT EXISTS online_retail;

CREATE TABLE IF NOT EXISTS online_retail.customer_analytics (
    customer_id BIGINT NOT NULL,
    country VARCHAR(60),
    total_spend DECIMAL(38, 3) NOT NULL,
    quantity BIGINT NOT NULL,
    order_count BIGINT NOT NULL,
    line_count BIGINT NOT NULL,
    product_count BIGINT NOT NULL,
    active_day_count BIGINT NOT NULL,
    first_purchase_at TIMESTAMP NOT NULL,
    last_purchase_at TIMESTAMP NOT NULL,
    average_order_amount DECIMAL(38, 2) NOT NULL,
    average_days_between_orders DECIMAL(12, 2),
    PRIMARY KEY (customer_id)
)
DISTSTYLE AUTO;

COMMENT ON TABLE online_retail.customer_analytics IS 'What each customer spent and how often, to date. Source: Daqing Chen, Online Retail (2015), UCI Machine Learning Repository, doi:10.24432/C5BW33, licensed under CC BY 4.0.';

COMMENT ON COLUMN online_retail.customer_analytics.customer_id IS 'Number of the customer.';

COMMENT ON COLUMN online_retail.customer_analytics.country IS 'Country of the customer''s last invoice that names one, the first by name if it has several; null where none does.';

COMMENT ON COLUMN online_retail.customer_analytics.total_spend IS 'Sum of quantity times unit_price, exactly. Unit: GBP.';

COMMENT ON COLUMN online_retail.customer_analytics.quantity IS 'Pieces bought. Unit: pieces.';

COMMENT ON COLUMN online_retail.customer_analytics.order_count IS 'Different invoices: the purchase frequency to date.';

COMMENT ON COLUMN online_retail.customer_analytics.line_count IS 'Invoice lines.';

COMMENT ON COLUMN online_retail.customer_analytics.product_count IS 'Different products, by stock_code.';

COMMENT ON COLUMN online_retail.customer_analytics.active_day_count IS 'Different days with an invoice.';

COMMENT ON COLUMN online_retail.customer_analytics.first_purchase_at IS 'When the customer''s first invoice was written.';

COMMENT ON COLUMN online_retail.customer_analytics.last_purchase_at IS 'When the customer''s last invoice was written.';

COMMENT ON COLUMN online_retail.customer_analytics.average_order_amount IS 'total_spend by order_count, rounded half up to pence. Unit: GBP.';

COMMENT ON COLUMN online_retail.customer_analytics.average_days_between_orders IS 'Days from the first invoice to the last by the number of invoices after the first; null for a single one. Unit: days.';

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

CREATE TABLE IF NOT EXISTS online_retail.product_performance (
    stock_code VARCHAR(20) NOT NULL,
    description VARCHAR(200),
    quantity BIGINT NOT NULL,
    revenue DECIMAL(38, 3) NOT NULL,
    order_count BIGINT NOT NULL,
    line_count BIGINT NOT NULL,
    customer_count BIGINT NOT NULL,
    country_count BIGINT NOT NULL,
    first_sold_at TIMESTAMP NOT NULL,
    last_sold_at TIMESTAMP NOT NULL,
    average_unit_price DECIMAL(38, 3) NOT NULL,
    PRIMARY KEY (stock_code)
)
DISTSTYLE AUTO;

COMMENT ON TABLE online_retail.product_performance IS 'What each product sold, to date. Its share of the whole is in the view product_revenue_share. Source: Daqing Chen, Online Retail (2015), UCI Machine Learning Repository, doi:10.24432/C5BW33, licensed under CC BY 4.0.';

COMMENT ON COLUMN online_retail.product_performance.stock_code IS 'Code of the product, or of a charge such as POST for postage.';

COMMENT ON COLUMN online_retail.product_performance.description IS 'Name that most lines give the product, the first by name among several; null where none gives one.';

COMMENT ON COLUMN online_retail.product_performance.quantity IS 'Pieces sold. Unit: pieces.';

COMMENT ON COLUMN online_retail.product_performance.revenue IS 'Sum of quantity times unit_price, exactly. Unit: GBP.';

COMMENT ON COLUMN online_retail.product_performance.order_count IS 'Different invoices that name the product: its order frequency.';

COMMENT ON COLUMN online_retail.product_performance.line_count IS 'Invoice lines.';

COMMENT ON COLUMN online_retail.product_performance.customer_count IS 'Different customers.';

COMMENT ON COLUMN online_retail.product_performance.country_count IS 'Different countries, unknown ones aside.';

COMMENT ON COLUMN online_retail.product_performance.first_sold_at IS 'When the product was first sold.';

COMMENT ON COLUMN online_retail.product_performance.last_sold_at IS 'When the product was last sold.';

COMMENT ON COLUMN online_retail.product_performance.average_unit_price IS 'revenue by quantity, rounded half up. Unit: GBP.';

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

CREATE OR REPLACE VIEW online_retail.product_revenue_share AS
SELECT
    stock_code,
    description,
    quantity,
    revenue,
    order_count,
    CAST(RATIO_TO_REPORT(revenue) OVER () AS DECIMAL(18, 12)) AS revenue_share,
    RANK() OVER (ORDER BY revenue DESC) AS revenue_rank
FROM online_retail.product_performance
WITH NO SCHEMA BINDING;

COMMENT ON VIEW online_retail.product_revenue_share IS 'What share of all revenue each product has, the best first. [c27153adae04]';

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_silver_online_retail
FROM DATA CATALOG DATABASE 'silver_online_retail'
IAM_ROLE DEFAULT;

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_gold_online_retail
FROM DATA CATALOG DATABASE 'gold_online_retail'
IAM_ROLE DEFAULT;
