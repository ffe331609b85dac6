"""`make bench`: what the budgets of the design are measured by. Each figure is a ratio to a floor of the same run."""
