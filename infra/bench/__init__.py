"""`make bench`: measures the budgets of the design. Each figure is a ratio to a floor from the same run."""
