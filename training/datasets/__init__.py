"""Converters: one module a source, each into the data set contract of docs/contracts.md."""
