"""Raw responses: how they are stored and how long."""
