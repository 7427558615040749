"""A web shop: users, transactions and the events of its visitors."""
