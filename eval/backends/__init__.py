"""Backends: what turns samples into predictions."""
