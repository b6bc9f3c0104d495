"""``python -m mmrl``: the command line."""

from mmrl.cli import main

if __name__ == "__main__":
    main()
