"""What passes from agent to agent and stays with one: rare terms, alignment with partners, beliefs and their recall."""
