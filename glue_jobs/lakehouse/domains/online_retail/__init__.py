"""Invoices of a British online shop (UCI Online Retail)."""
