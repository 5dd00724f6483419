"""``python -m fractalgen``."""

from fractalgen.cli import main

if __name__ == "__main__":
    main()
