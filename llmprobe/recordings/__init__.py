"""Recorded exchanges: written by a scan, read again for resuming, re-scoring and explaining."""
