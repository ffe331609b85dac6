"""The pages of the function `desk`: the same use cases as `workflow`, shown to people in a browser."""
