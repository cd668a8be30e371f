"""Conversations: generators that yield what to ask and are sent what came back.

No I/O and no clock: a scan drives them with an endpoint, a replay with a journal, and both get the same verdicts.
All randomness comes from the seed of the scan and the address of the case.

``contact`` is the first talk with a model, ``experiment`` the talk of a probe with a row.
"""

from llmprobe.conversation.contact import Contact, contact
from llmprobe.conversation.experiment import converse
from llmprobe.conversation.talk import Answer, Ask, Finding, Footing

__all__ = ["Answer", "Ask", "Contact", "Finding", "Footing", "contact", "converse"]
