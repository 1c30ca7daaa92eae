"""`make image`: the image is built as operators build it, and tried as Kubernetes runs it."""
