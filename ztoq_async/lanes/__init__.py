"""What runs: extract (Zephyr to archive), load (journal to qTest), verify (qTest against archive)."""
