"""From a design folder to a bitstream, and estimates of its size without any tool."""
