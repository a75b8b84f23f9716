"""`python -m tfcompress` is the command `tfcompress`."""

from tfcompress.cli.main import main

main()
