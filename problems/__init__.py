"""Problems of translation and of BERT; importing the package registers them with t2t."""

from problems import glue, grammar, masked_text, multi30k, own_text, review_sentences, squad, wmt14  # noqa: F401
