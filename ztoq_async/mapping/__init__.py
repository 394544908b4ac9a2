"""Pure rules: one module for each kind, from Zephyr records to qTest records and back to comparable forms."""
