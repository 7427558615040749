"""The lakehouse library: shipped to Glue and MWAA as one wheel."""
