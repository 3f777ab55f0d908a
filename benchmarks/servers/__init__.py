"""The servers under measurement that run in the project's own environment."""
