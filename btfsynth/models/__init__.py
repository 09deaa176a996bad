"""Models of other libraries as netlists: each reader gives an `ImportedModel`."""
