"""How channels pass through layers: the rules that the families name, and the words in which rules are written."""
