"""Business domains: one folder each, its contracts and one pure function per gold table."""
