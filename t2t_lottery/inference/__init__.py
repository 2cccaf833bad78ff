"""Models that translate: CTranslate2 and SavedModel."""
