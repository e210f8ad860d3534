"""The vendor behind the gateway: its calls, its records, its status words, and the settings that correct them."""
