"""The patches, each a function whose docstring names the symptom that it fixes."""
