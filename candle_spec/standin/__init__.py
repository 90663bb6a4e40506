"""A local stand-in of MoDaC: a test double to rehearse against. It is not the service and holds nothing of it.

It follows the public source code of MoDaC 2.8.1 (https://github.com/CBIIT/nci-doe-data-sharing) and of the server
behind it (https://github.com/CBIIT/HPC_DME_APIs), status by status and message by message. What is inferred, and was
not observed on the live service, stands in ``docs/modac-standin.md``.
"""
