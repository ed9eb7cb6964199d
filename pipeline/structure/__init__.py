"""Structure of networks and of threads: what shape they have, and what shape chance would give them."""
