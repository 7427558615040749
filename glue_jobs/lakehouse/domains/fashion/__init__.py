"""Fashion: members of a shop where private people sell clothes to each other, as full snapshots."""
