"""The only floor that talks to Valkey/Redis."""
