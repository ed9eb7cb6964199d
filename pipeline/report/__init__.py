"""Figures, the HTML report and exports: everything that draws or writes for readers, nothing that estimates."""
