"""What the DAG files share: operators, alerts, the defaults of every task."""
