"""Who answers whom: interactions kept apart by rule, and the measures of the networks they form."""
