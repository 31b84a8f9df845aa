"""What is wrong with one line, and with a whole source."""
