"""MoDaC (https://modac.cancer.gov): check, register, upload, publish, query and download checkpoints.

Layers, each on the ones before it: ``rules names checksums`` (what the service accepts), ``settings tokens service``
(how it is talked to), ``client`` (its endpoints), ``upload download vocabulary``, ``records plan publish receive``
(a checkpoint or a series as a whole). ``standin`` is a local stand-in of the service to rehearse against.
"""
