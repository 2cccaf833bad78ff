"""Numbers from 1 to 99 in words."""

from __future__ import annotations

_ENGLISH = (
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
  " sixteen seventeen eighteen nineteen"
).split()
_ENGLISH_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_GERMAN = (
  "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn"
  " sechzehn siebzehn achtzehn neunzehn"
).split()
_GERMAN_TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()
_FRENCH = (
  "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize"
  " dix-sept dix-huit dix-neuf"
).split()
_FRENCH_TENS = "vingt trente quarante cinquante soixante".split()


def english(number: int) -> str:
  """As "twenty-one"."""
  if number < 20:
    return _ENGLISH[number]
  tens, ones = divmod(number, 10)
  return _ENGLISH_TENS[tens - 2] + (f"-{_ENGLISH[ones]}" if ones else "")


def german(number: int) -> str:
  """As "einundzwanzig"."""
  if number < 20:
    return _GERMAN[number]
  tens, ones = divmod(number, 10)
  word = "ein" if ones == 1 else _GERMAN[ones]
  return (f"{word}und" if ones else "") + _GERMAN_TENS[tens - 2]


def french(number: int, feminine: bool = False) -> str:
  """As "vingt et un" and, before a feminine noun, "vingt et une"."""
  if number < 20:
    word = _FRENCH[number]
  elif number < 70:
    tens, ones = divmod(number, 10)
    word = _FRENCH_TENS[tens - 2] + (" et un" if ones == 1 else f"-{_FRENCH[ones]}" if ones else "")
  elif number < 80:
    word = "soixante et onze" if number == 71 else f"soixante-{_FRENCH[number - 60]}"
  else:
    word = "quatre-vingts" if number == 80 else f"quatre-vingt-{_FRENCH[number - 80]}"
  one = number % 10 == 1 and number not in (11, 71, 91)
  return word + "e" if feminine and one else word
