"""A run in the formats others take: EcoTaxa, Darwin Core, COCO, iFDO, and a package with citation and methods."""
