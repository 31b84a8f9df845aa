"""Load Cloudflare Vectorize at any size, and read vectors back."""
