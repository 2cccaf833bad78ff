"""The lexicon, written for this project: one word per line in English, German and French."""
