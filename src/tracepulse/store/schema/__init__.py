"""Tables, views and their migrations, as numbered SQL."""
