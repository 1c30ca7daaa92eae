"""Examples of requests and answers, for the API's docs."""
