"""The vendor's API: what each endpoint does, and the JSON it returns."""
