"""Measurements of the budgets: side by side in one run, as ratios, on files made here. Never a test."""
