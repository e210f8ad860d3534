"""The vendor's API: what each V3 and V2 endpoint does, and the JSON it returns."""
