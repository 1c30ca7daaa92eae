"""An API server that holds the rendered overlay, for kubectl to talk to."""
