"""ZooScan: from 16-bit scans of a zooplankton sample to measured objects, as ZooProcess makes them.

`settings.ProcessSettings` says how, `scan.process_scan` makes the 8-bit picture and finds the objects, `features.measure`
measures one, `vignette.vignette` cuts it out for people and EcoTaxa.
"""
