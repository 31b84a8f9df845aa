"""The small things that all rooms of the client use."""
