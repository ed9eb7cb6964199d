"""Signs of human influence and of coordination: timing of posts, names, owners, busiest accounts, copies in time."""
