"""The words the other rooms speak: specs, configs, events, runs. Nothing here knows a model or a data set."""
