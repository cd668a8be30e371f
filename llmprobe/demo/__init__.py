"""The embedded demo provider: one simulated brain behind the codec, with models of known truths."""
