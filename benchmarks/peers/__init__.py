"""What people would use instead: a script with requests and threads, httpx, and dlt for the reading half."""
