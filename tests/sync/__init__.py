"""Laws and traps of the sync, for the default mapping and for one with other names."""
