"""A Canada Post of our own: both shipping APIs on one ledger of labels sold. It sells a label as often as asked."""
