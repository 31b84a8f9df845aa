"""The service over HTTP: routes, bodies, envelopes, control, and the page for people."""
