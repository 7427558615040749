-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

CREATE SCHEMA IF NOT EXISTS shopping_habits;

CREATE TABLE IF NOT EXISTS shopping_habits.demographic_insights (
    age_band VARCHAR(11) NOT NULL,
    gender VARCHAR(7) NOT NULL,
    location VARCHAR(40) NOT NULL,
    purchase_count BIGINT NOT NULL,
    revenue DECIMAL(20, 2) NOT NULL,
    average_amount DECIMAL(12, 2) NOT NULL,
    rated_count BIGINT NOT NULL,
    rating_total DECIMAL(20, 1) NOT NULL,
    discounted_count BIGINT NOT NULL,
    subscriber_count BIGINT NOT NULL,
    previous_purchase_count BIGINT NOT NULL,
    frequency_known_count BIGINT NOT NULL,
    purchases_per_year BIGINT NOT NULL,
    PRIMARY KEY (age_band, gender, location)
)
DISTSTYLE AUTO;

COMMENT ON TABLE shopping_habits.demographic_insights IS 'Revenue and habits by age, gender and state of the customers.';

COMMENT ON COLUMN shopping_habits.demographic_insights.age_band IS 'Band that the age of the customer falls in: Teen (below 20), Young Adult (below 30), Adult (below 40), Middle-aged (below 60), Senior; "Unknown" where the age did not come.';

COMMENT ON COLUMN shopping_habits.demographic_insights.gender IS 'Gender of the customer as the shop recorded it; "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.demographic_insights.location IS 'State of the United States where the customer lives; "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.demographic_insights.purchase_count IS 'Purchases, of which there is one per customer.';

COMMENT ON COLUMN shopping_habits.demographic_insights.revenue IS 'What the purchases cost in total. Unit: USD.';

COMMENT ON COLUMN shopping_habits.demographic_insights.average_amount IS 'revenue by purchase_count, rounded half up to cents. Unit: USD.';

COMMENT ON COLUMN shopping_habits.demographic_insights.rated_count IS 'Purchases that the customer rated.';

COMMENT ON COLUMN shopping_habits.demographic_insights.rating_total IS 'Sum of those ratings; by rated_count it is their average. Unit: stars.';

COMMENT ON COLUMN shopping_habits.demographic_insights.discounted_count IS 'Purchases with a discount.';

COMMENT ON COLUMN shopping_habits.demographic_insights.subscriber_count IS 'Customers who have subscribed to the shop''s news.';

COMMENT ON COLUMN shopping_habits.demographic_insights.previous_purchase_count IS 'How often these customers had bought before.';

COMMENT ON COLUMN shopping_habits.demographic_insights.frequency_known_count IS 'Customers of whom it is known how often they buy.';

COMMENT ON COLUMN shopping_habits.demographic_insights.purchases_per_year IS 'How often these buy in a year, taken together; by frequency_known_count it is the average.';

CREATE TABLE IF NOT EXISTS shopping_habits.fact_purchase (
    customer_id INTEGER NOT NULL,
    age SMALLINT,
    age_band VARCHAR(11) NOT NULL,
    gender VARCHAR(7) NOT NULL,
    location VARCHAR(40) NOT NULL,
    category VARCHAR(11) NOT NULL,
    item VARCHAR(40) NOT NULL,
    size VARCHAR(7) NOT NULL,
    color VARCHAR(20) NOT NULL,
    season VARCHAR(7) NOT NULL,
    purchase_amount DECIMAL(10, 2) NOT NULL,
    review_rating DECIMAL(2, 1),
    payment_method VARCHAR(13) NOT NULL,
    discount VARCHAR(7) NOT NULL,
    subscription VARCHAR(7) NOT NULL,
    is_promo_code_used BOOLEAN,
    shipping_type VARCHAR(20) NOT NULL,
    previous_purchases INTEGER,
    preferred_payment_method VARCHAR(13),
    purchase_frequency VARCHAR(11) NOT NULL,
    purchases_per_year SMALLINT,
    PRIMARY KEY (customer_id)
)
DISTSTYLE AUTO;

COMMENT ON TABLE shopping_habits.fact_purchase IS 'Purchases, each of another customer, with what was put right in the file.';

COMMENT ON COLUMN shopping_habits.fact_purchase.customer_id IS 'Number of the customer.';

COMMENT ON COLUMN shopping_habits.fact_purchase.age IS 'Age of the customer; null where it did not come. Unit: years.';

COMMENT ON COLUMN shopping_habits.fact_purchase.age_band IS 'Band that the age of the customer falls in: Teen (below 20), Young Adult (below 30), Adult (below 40), Middle-aged (below 60), Senior; "Unknown" where the age did not come.';

COMMENT ON COLUMN shopping_habits.fact_purchase.gender IS 'Gender of the customer as the shop recorded it; "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.fact_purchase.location IS 'State of the United States where the customer lives; "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.fact_purchase.category IS 'Category of the item; "Unknown" where it did not come and the item is a new one.';

COMMENT ON COLUMN shopping_habits.fact_purchase.item IS 'What was bought.';

COMMENT ON COLUMN shopping_habits.fact_purchase.size IS 'Size of the item; "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.fact_purchase.color IS 'Color of the item; "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.fact_purchase.season IS 'Season of the purchase; "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.fact_purchase.purchase_amount IS 'What the purchase cost. Unit: USD.';

COMMENT ON COLUMN shopping_habits.fact_purchase.review_rating IS 'What the customer thinks of the item, from 1 (worst) to 5; null where nothing was said. Unit: stars.';

COMMENT ON COLUMN shopping_habits.fact_purchase.payment_method IS 'How the purchase was paid; "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.fact_purchase.discount IS '"Yes" with a discount, "No" without, "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.fact_purchase.subscription IS '"Yes" of subscribers to the shop''s news, "No" of others, "Unknown" where nobody knows.';

COMMENT ON COLUMN shopping_habits.fact_purchase.is_promo_code_used IS 'Whether the customer gave a promotion code; null where it did not come.';

COMMENT ON COLUMN shopping_habits.fact_purchase.shipping_type IS 'How the item was sent; "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.fact_purchase.previous_purchases IS 'How often the customer had bought before; null where it did not come.';

COMMENT ON COLUMN shopping_habits.fact_purchase.preferred_payment_method IS 'How the customer likes to pay; null where nobody knows.';

COMMENT ON COLUMN shopping_habits.fact_purchase.purchase_frequency IS 'How often the customer buys; "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.fact_purchase.purchases_per_year IS 'The same as a number: 52, 26, 12, 4 or 1; null where it did not come.';

CREATE TABLE IF NOT EXISTS shopping_habits.product_insights (
    category VARCHAR(11) NOT NULL,
    item VARCHAR(40) NOT NULL,
    size VARCHAR(7) NOT NULL,
    color VARCHAR(20) NOT NULL,
    purchase_count BIGINT NOT NULL,
    revenue DECIMAL(20, 2) NOT NULL,
    average_amount DECIMAL(12, 2) NOT NULL,
    rated_count BIGINT NOT NULL,
    rating_total DECIMAL(20, 1) NOT NULL,
    discounted_count BIGINT NOT NULL,
    subscriber_count BIGINT NOT NULL,
    previous_purchase_count BIGINT NOT NULL,
    frequency_known_count BIGINT NOT NULL,
    purchases_per_year BIGINT NOT NULL,
    PRIMARY KEY (category, item, size, color)
)
DISTSTYLE AUTO;

COMMENT ON TABLE shopping_habits.product_insights IS 'Revenue and habits by what was bought.';

COMMENT ON COLUMN shopping_habits.product_insights.category IS 'Category of the item; "Unknown" where it did not come and the item is a new one.';

COMMENT ON COLUMN shopping_habits.product_insights.item IS 'What was bought.';

COMMENT ON COLUMN shopping_habits.product_insights.size IS 'Size of the item; "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.product_insights.color IS 'Color of the item; "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.product_insights.purchase_count IS 'Purchases, of which there is one per customer.';

COMMENT ON COLUMN shopping_habits.product_insights.revenue IS 'What the purchases cost in total. Unit: USD.';

COMMENT ON COLUMN shopping_habits.product_insights.average_amount IS 'revenue by purchase_count, rounded half up to cents. Unit: USD.';

COMMENT ON COLUMN shopping_habits.product_insights.rated_count IS 'Purchases that the customer rated.';

COMMENT ON COLUMN shopping_habits.product_insights.rating_total IS 'Sum of those ratings; by rated_count it is their average. Unit: stars.';

COMMENT ON COLUMN shopping_habits.product_insights.discounted_count IS 'Purchases with a discount.';

COMMENT ON COLUMN shopping_habits.product_insights.subscriber_count IS 'Customers who have subscribed to the shop''s news.';

COMMENT ON COLUMN shopping_habits.product_insights.previous_purchase_count IS 'How often these customers had bought before.';

COMMENT ON COLUMN shopping_habits.product_insights.frequency_known_count IS 'Customers of whom it is known how often they buy.';

COMMENT ON COLUMN shopping_habits.product_insights.purchases_per_year IS 'How often these buy in a year, taken together; by frequency_known_count it is the average.';

CREATE TABLE IF NOT EXISTS shopping_habits.purchase_insights (
    season VARCHAR(7) NOT NULL,
    payment_method VARCHAR(13) NOT NULL,
    discount VARCHAR(7) NOT NULL,
    subscription VARCHAR(7) NOT NULL,
    purchase_count BIGINT NOT NULL,
    revenue DECIMAL(20, 2) NOT NULL,
    average_amount DECIMAL(12, 2) NOT NULL,
    rated_count BIGINT NOT NULL,
    rating_total DECIMAL(20, 1) NOT NULL,
    discounted_count BIGINT NOT NULL,
    subscriber_count BIGINT NOT NULL,
    previous_purchase_count BIGINT NOT NULL,
    frequency_known_count BIGINT NOT NULL,
    purchases_per_year BIGINT NOT NULL,
    PRIMARY KEY (season, payment_method, discount, subscription)
)
DISTSTYLE AUTO;

COMMENT ON TABLE shopping_habits.purchase_insights IS 'Revenue and habits by season, payment, discount and subscription.';

COMMENT ON COLUMN shopping_habits.purchase_insights.season IS 'Season of the purchase; "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.purchase_insights.payment_method IS 'How the purchase was paid; "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.purchase_insights.discount IS '"Yes" with a discount, "No" without, "Unknown" where it did not come.';

COMMENT ON COLUMN shopping_habits.purchase_insights.subscription IS '"Yes" of subscribers to the shop''s news, "No" of others, "Unknown" where nobody knows.';

COMMENT ON COLUMN shopping_habits.purchase_insights.purchase_count IS 'Purchases, of which there is one per customer.';

COMMENT ON COLUMN shopping_habits.purchase_insights.revenue IS 'What the purchases cost in total. Unit: USD.';

COMMENT ON COLUMN shopping_habits.purchase_insights.average_amount IS 'revenue by purchase_count, rounded half up to cents. Unit: USD.';

COMMENT ON COLUMN shopping_habits.purchase_insights.rated_count IS 'Purchases that the customer rated.';

COMMENT ON COLUMN shopping_habits.purchase_insights.rating_total IS 'Sum of those ratings; by rated_count it is their average. Unit: stars.';

COMMENT ON COLUMN shopping_habits.purchase_insights.discounted_count IS 'Purchases with a discount.';

COMMENT ON COLUMN shopping_habits.purchase_insights.subscriber_count IS 'Customers who have subscribed to the shop''s news.';

COMMENT ON COLUMN shopping_habits.purchase_insights.previous_purchase_count IS 'How often these customers had bought before.';

COMMENT ON COLUMN shopping_habits.purchase_insights.frequency_known_count IS 'Customers of whom it is known how often they buy.';

COMMENT ON COLUMN shopping_habits.purchase_insights.purchases_per_year IS 'How often these buy in a year, taken together; by frequency_known_count it is the average.';

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_silver_shopping_habits
FROM DATA CATALOG DATABASE 'silver_shopping_habits'
IAM_ROLE DEFAULT;

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_gold_shopping_habits
FROM DATA CATALOG DATABASE 'gold_shopping_habits'
IAM_ROLE DEFAULT;
