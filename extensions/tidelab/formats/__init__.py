"""Readers, writers and validators of the field's exchange formats. Tables in, messages out: nothing here knows runs or models."""
