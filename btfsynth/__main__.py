"""``python -m btfsynth``."""

from btfsynth.cli import main

if __name__ == "__main__":
    main()
