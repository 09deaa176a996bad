"""btfsynth: learn a Boolean function as threshold neurons and turn it into proven hardware."""

__all__ = ["__version__"]

__version__ = "0.1.0"
