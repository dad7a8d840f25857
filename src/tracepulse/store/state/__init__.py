"""Small transactional state: incidents, changes, alerts, keys. SQLite, or PostgreSQL by URL."""
