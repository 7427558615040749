"""A local AWS in one process: moto in server mode, extended where a lakehouse needs the real behaviour."""
