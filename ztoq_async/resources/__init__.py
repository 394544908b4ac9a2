"""What is shared and must be given back: connections, sessions, queues, limits."""
