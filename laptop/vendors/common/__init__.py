"""What the vendor sandboxes share: a server that stops in order, a durable store, a settable clock."""
