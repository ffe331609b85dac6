"""Stand-ins for other people's services on one machine. They know nothing of the programs that use them."""
