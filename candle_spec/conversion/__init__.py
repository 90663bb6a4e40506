"""Conversion: the converter contract, discovery, the certificate, convert, restore, re-proof."""
