"""What the warehouse consists of: dataset tables, system tables, numbered migrations, comments."""
