"""Read any number of vectors back: by id, into a file, against their source."""
