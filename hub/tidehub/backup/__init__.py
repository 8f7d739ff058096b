"""Backups that can be restored: consistent copies of the databases, and everything with them in an encrypted restic repository.

restic stores, encrypts, checks and forgets; what is ours is what it cannot know: which files are databases that change while they
are read, what is not worth keeping, and how to put everything back in an order that leaves no half of anything.
"""
