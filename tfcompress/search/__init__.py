"""The stage before and after all others: which recipe gives the best file under what a device has."""
