"""A sandbox of a Mirakl marketplace: orders that change by time, an inbox, limits, errors, and books."""
