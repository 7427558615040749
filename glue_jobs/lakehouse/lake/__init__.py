"""The only package that reads and writes lake tables. Every write can be repeated, and repeated at once, safely.

How each write survives being killed and run again:

    bronze, quarantine, ops.batches, ops.files,
    ops.drift                                    replaced by the batch's own filter, in one commit
    warnings                                     the same; what an earlier try counted of rows it released stays
    changes                                      appended: a second try may add rows, never lose the first try's
    history, silver, gold, row accounts, and
    what becomes of refused rows and files       MERGE from a pure function of the tables

A filter replaces whole files. Those that may hold rows of other batches too are split first, by a commit that changes
no row (`lake.splitting`).
"""

from lakehouse.lake.layers import Lake

__all__ = ["Lake"]
