"""Raw text and subwords in the format that a problem writes."""
