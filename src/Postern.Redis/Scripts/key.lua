-- One API key. KEYS[1]: its entry.
return entry(KEYS[1])
