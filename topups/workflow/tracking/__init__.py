"""Follows the payments of the vendor's list: statuses, payments of others, arrivals."""
