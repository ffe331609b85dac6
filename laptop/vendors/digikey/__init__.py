"""A sandbox of DigiKey: it answers from a catalogue file, with the vendor's limits and errors, and keeps books."""
