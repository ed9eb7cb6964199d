"""What studies printed and what our measures are: data files, and our numbers beside the printed ones."""
