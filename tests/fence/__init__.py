"""What conversion makes of about seventy models, recorded: a change of the inside that changes a file is seen."""
