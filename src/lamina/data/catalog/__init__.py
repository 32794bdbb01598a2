"""Named data sets, one file a source. Each maker takes (config, seed) and gives a `Data`."""
