"""`python -m tfcompress.cli`."""

from tfcompress.cli.main import main

main()
