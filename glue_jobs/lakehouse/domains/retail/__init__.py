"""A retailer: brands, categories and products, its customers, and what they ordered."""
