"""Deliveries as a messy world makes them: a clean truth, then defects, then files.

    storefront   the truth: what happened in a shop
    defects      a registry of what goes wrong on the way, by level: value, row, line, file
    writers      rows to bytes in seven formats
    generate     the three put together

Everything is a pure function of a seed. Imports nothing of the library but its contracts: a generator that used the
code it tests would make the mistakes that the code expects.
"""
