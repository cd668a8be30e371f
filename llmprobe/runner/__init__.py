"""The edge: the only place that waits. It sends, records, and drives the conversations."""
