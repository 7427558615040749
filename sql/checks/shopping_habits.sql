-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

-- What must not be in the tables of shopping_habits: each query returns what is wrong, else no row.

-- Keys of shopping_habits.demographic_insights that more than one row has
SELECT
    age_band,
    gender,
    location,
    COUNT(*) AS rows_found
FROM shopping_habits.demographic_insights
GROUP BY
    age_band,
    gender,
    location
HAVING COUNT(*) > 1;

-- Rows of shopping_habits.demographic_insights without a value that is required
SELECT
    age_band,
    gender,
    location,
    purchase_count,
    revenue,
    average_amount,
    rated_count,
    rating_total,
    discounted_count,
    subscriber_count,
    previous_purchase_count,
    frequency_known_count,
    purchases_per_year
FROM shopping_habits.demographic_insights
WHERE
    age_band IS NULL
    OR gender IS NULL
    OR location IS NULL
    OR purchase_count IS NULL
    OR revenue IS NULL
    OR average_amount IS NULL
    OR rated_count IS NULL
    OR rating_total IS NULL
    OR discounted_count IS NULL
    OR subscriber_count IS NULL
    OR previous_purchase_count IS NULL
    OR frequency_known_count IS NULL
    OR purchases_per_year IS NULL;

-- Keys of shopping_habits.fact_purchase that more than one row has
SELECT
    customer_id,
    COUNT(*) AS rows_found
FROM shopping_habits.fact_purchase
GROUP BY
    customer_id
HAVING COUNT(*) > 1;

-- Rows of shopping_habits.fact_purchase without a value that is required
SELECT
    customer_id,
    age_band,
    gender,
    location,
    category,
    item,
    size,
    color,
    season,
    purchase_amount,
    payment_method,
    discount,
    subscription,
    shipping_type,
    purchase_frequency
FROM shopping_habits.fact_purchase
WHERE
    customer_id IS NULL
    OR age_band IS NULL
    OR gender IS NULL
    OR location IS NULL
    OR category IS NULL
    OR item IS NULL
    OR size IS NULL
    OR color IS NULL
    OR season IS NULL
    OR purchase_amount IS NULL
    OR payment_method IS NULL
    OR discount IS NULL
    OR subscription IS NULL
    OR shipping_type IS NULL
    OR purchase_frequency IS NULL;

-- Keys of shopping_habits.product_insights that more than one row has
SELECT
    category,
    item,
    size,
    color,
    COUNT(*) AS rows_found
FROM shopping_habits.product_insights
GROUP BY
    category,
    item,
    size,
    color
HAVING COUNT(*) > 1;

-- Rows of shopping_habits.product_insights without a value that is required
SELECT
    category,
    item,
    size,
    color,
    purchase_count,
    revenue,
    average_amount,
    rated_count,
    rating_total,
    discounted_count,
    subscriber_count,
    previous_purchase_count,
    frequency_known_count,
    purchases_per_year
FROM shopping_habits.product_insights
WHERE
    category IS NULL
    OR item IS NULL
    OR size IS NULL
    OR color IS NULL
    OR purchase_count IS NULL
    OR revenue IS NULL
    OR average_amount IS NULL
    OR rated_count IS NULL
    OR rating_total IS NULL
    OR discounted_count IS NULL
    OR subscriber_count IS NULL
    OR previous_purchase_count IS NULL
    OR frequency_known_count IS NULL
    OR purchases_per_year IS NULL;

-- Keys of shopping_habits.purchase_insights that more than one row has
SELECT
    season,
    payment_method,
    discount,
    subscription,
    COUNT(*) AS rows_found
FROM shopping_habits.purchase_insights
GROUP BY
    season,
    payment_method,
    discount,
    subscription
HAVING COUNT(*) > 1;

-- Rows of shopping_habits.purchase_insights without a value that is required
SELECT
    season,
    payment_method,
    discount,
    subscription,
    purchase_count,
    revenue,
    average_amount,
    rated_count,
    rating_total,
    discounted_count,
    subscriber_count,
    previous_purchase_count,
    frequency_known_count,
    purchases_per_year
FROM shopping_habits.purchase_insights
WHERE
    season IS NULL
    OR payment_method IS NULL
    OR discount IS NULL
    OR subscription IS NULL
    OR purchase_count IS NULL
    OR revenue IS NULL
    OR average_amount IS NULL
    OR rated_count IS NULL
    OR rating_total IS NULL
    OR discounted_count IS NULL
    OR subscriber_count IS NULL
    OR previous_purchase_count IS NULL
    OR frequency_known_count IS NULL
    OR purchases_per_year IS NULL;
