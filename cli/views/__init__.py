"""One module for each kind of answer: what a person sees of it."""
