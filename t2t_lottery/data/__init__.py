"""Raw text and subwords as a problem leaves them."""
