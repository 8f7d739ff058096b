"""The apps: every notebook with the face ``app``, shown by Voila behind the hub.

Runs in the environment ``lab``; the kernels behind the pages run in the stack ``analyse`` and hold no secret.
"""
