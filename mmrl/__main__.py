"""``python -m mmrl``: the command line, as ``accelerate launch -m mmrl`` needs it."""

from mmrl.cli import main

if __name__ == "__main__":
    main()
