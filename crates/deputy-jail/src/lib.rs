//! Confinement: what a server that somebody else wrote may reach on this machine.
