"""The public API; `btfsynth` imports each name from here on first use."""
