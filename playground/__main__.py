"""`python -m playground` is `microgpt-play`."""

from playground.cli import main

if __name__ == "__main__":
    main()
