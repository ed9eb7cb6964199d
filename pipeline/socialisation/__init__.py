"""Socialisation: lexical diversity, turnover of phrases, inertia, adaptation to votes and to corrections."""
