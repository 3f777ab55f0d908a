"""Programs that talk to a server as users' programs do."""
