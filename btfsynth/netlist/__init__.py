"""Majority-inverter graphs: literals, netlist, builder, simulation, statistics, text form."""
