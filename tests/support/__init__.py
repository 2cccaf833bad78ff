"""Shared by tests: trained runs, small models, damaged files, fakes."""
