"""What people hold -> NDJSON lines that can be read again."""
