"""Talk to services over HTTP, and take in single files: what MoDaC, Hugging Face and Zenodo have in common.

Nothing here knows what a checkpoint is. ``addresses tokens`` (where, and as whom), ``names`` (what a service can hold),
``answers client`` (the one client), ``json_api`` (a service of JSON answers and one token), ``checks incoming`` (one
file, digested as it comes, resumed), ``bounded`` (the same bounds for the client of a library).
"""
