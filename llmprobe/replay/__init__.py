"""From recorded traffic to scoreboards, without a request: pure functions of exchanges that somebody recorded.

``reading``   an exchange becomes what was asked and what came back, or the reason why it cannot be used
``media``     pictures, sounds and documents are let go; their digests stay
``answers``   what media that are known by their digest show
``rows``      exchanges are put together by endpoint, model, thinking and mode; calls are linked to their answers
``judging``   a row's cells: the same checks as in a scan, on evidence that is weaker
``boards``    rows become scoreboards, and what was not used is told
"""
