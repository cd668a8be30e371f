"""``python -m llmprobe``."""

from llmprobe.cli import main

if __name__ == "__main__":
    main()
