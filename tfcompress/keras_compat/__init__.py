"""What the two Kerases have in common, and what they have not: models seen alike, loaded, copied, registered."""
