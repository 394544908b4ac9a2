"""qTest Manager (API v3): its records and a client that writes and reads them."""
