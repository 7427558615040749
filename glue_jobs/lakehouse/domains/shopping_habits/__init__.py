"""Shopping habits: one purchase of each of 3,900 customers, with what is known of the customer."""
