"""The public surface: `btfsynth` names what is here, and loads it when it is used."""
