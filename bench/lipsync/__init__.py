"""How well a mouth follows speech, from curves of lip gap and mouth width that any program may have made."""
