"""Builders of datasets whose answers are known by construction."""
