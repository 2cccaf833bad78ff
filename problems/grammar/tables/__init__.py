"""The lexicon, written for this project: a line is a word in English, German and French."""
