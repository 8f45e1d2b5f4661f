"""Run whole clusters in virtual time: real engines, simulated processors and wires."""
