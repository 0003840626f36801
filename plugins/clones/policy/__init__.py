"""What this project sends to a host, as a catalogue; and the policy of a gate, which is made of it.

:func:`clones.policy.catalogue.sent_to` calls the builders that make the commands, with samples in the place
of what is not known before (a token, a kernel's name): nothing here describes a command a second time
(docs/decisions/0039-the-gate.md).
"""
