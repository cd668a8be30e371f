"""A real engine for tests: llama.cpp's own server with a model of random weights, made here from a seed.

``python -m tests.engine --port 8402`` serves it by hand; see ``scoreboards/README.md``.
"""
