"""How the warehouse follows contracts that change: what Redshift has, what differs, and the steps that close it.

found = catalog.read(redshift, registry)     what Redshift says it has
plan = planning.plan(registry, found)        pure: steps with reasons and SQL, and what has to wait
applying.apply(redshift, registry, kinds)    plan, run, and look again until nothing of these kinds is left
"""
