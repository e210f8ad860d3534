"""The doctor: finds out which assumptions about the vendor hold, and which settings fix those that do not.

``probe`` calls each read-only endpoint once, ``diagnose`` compares a response with its dataset definition,
``suggestions`` turns the result into settings, ``report`` collects everything.
"""
