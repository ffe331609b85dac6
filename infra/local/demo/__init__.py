"""`make demo`: real part records and orders through enrichment and fulfillment, with an account of every one."""
