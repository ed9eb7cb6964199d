"""Measures of a corpus that need no lexicon and no network: activity, threads, repeated texts."""
