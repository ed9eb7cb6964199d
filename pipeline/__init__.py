"""Ethogram."""
