"""`make demo`: real part records through the whole record line on this machine, and an account of every one of them."""
