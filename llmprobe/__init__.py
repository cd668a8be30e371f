"""Measures what LLM endpoints really do, and prints it as a scoreboard."""

__version__ = "0.1.0"
