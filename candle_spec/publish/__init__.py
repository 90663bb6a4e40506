"""Publish checkpoints to services and fetch them back: what is sent, what must not be, what was sent, what comes in.

``sources remarks registry`` (what is published, and with which template), ``bundle privacy draft shipment`` (a record
with files, looked through), ``receipts``, ``published assemble`` (what a service holds, into a validated checkpoint).
``destination`` is what a service is; ``huggingface`` and ``zenodo`` are two of them.

Nothing becomes public by itself: a repository at Hugging Face is private, a deposit at Zenodo a draft.
"""
