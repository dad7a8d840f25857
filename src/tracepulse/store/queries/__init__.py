"""What the other stages ask of the store, by name, with typed results."""
