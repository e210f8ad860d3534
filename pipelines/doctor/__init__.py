"""What the doctor proposes beyond the tables that a sync fills."""
