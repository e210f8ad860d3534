"""One module per section of the page: from the rows of its query to charts, tables and words."""
