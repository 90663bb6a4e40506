"""Publish a checkpoint to Hugging Face or Zenodo: what is sent, what must not be, requests, receipts.

Nothing becomes public by itself: a repository at Hugging Face is private, a deposit at Zenodo a draft.
"""
