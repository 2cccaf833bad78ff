"""Models for translation: CTranslate2 and SavedModel."""
