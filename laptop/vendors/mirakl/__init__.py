"""A Mirakl marketplace of our own: orders that live, an inbox, the vendor's limits and errors, and books."""
