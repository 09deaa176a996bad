"""From threshold neurons to majority cells: support, threshold diagrams, tables."""
