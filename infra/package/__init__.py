"""Builds what is deployed: one archive for each function, with the code and the requirements that it reaches."""
