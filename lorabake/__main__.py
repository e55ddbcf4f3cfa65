"""`python -m lorabake VERB …`: the headless front door."""

from lorabake.cli import main

if __name__ == "__main__":
    main()
