"""The trouble that a user can mend, as exceptions that carry an exit code.

``LlmprobeError``
  ``UsageError``         the command, a file or the environment is wrong (exit 2)
  ``CannotMeasure``      the endpoint could not be reached or refused the key (exit 3)

What an endpoint answers is data, never an exception; a bug of ours is caught in the runner.
"""

from __future__ import annotations


class LlmprobeError(Exception):
    """One clear sentence for the user, and the exit code that goes with it."""

    exit_code = 1


class UsageError(LlmprobeError):
    """The user's mistake: says what is wrong and what to do."""

    exit_code = 2


class CannotMeasure(LlmprobeError):
    """Nothing could be measured: unreachable, not an API, or the key was refused."""

    exit_code = 3
