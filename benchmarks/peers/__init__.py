"""What people would use instead: a script with requests and threads, or with httpx; dlt for the reading half."""
