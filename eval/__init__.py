"""Evaluation: predictions, scores, statistics and reports."""
