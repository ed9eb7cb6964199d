"""Validation of the estimators of selection and influence on worlds whose truth is planted."""
