"""The HTML page of a report: whole_page.py puts the sections in order, a file each; page.css says how they look."""
