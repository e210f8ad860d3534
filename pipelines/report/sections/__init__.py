"""One module per section of the page: rows of its query become charts, tables and texts."""
