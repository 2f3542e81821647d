"""The simulators themselves: that they are as strict as their vendors, and that their faults can be repeated."""
